<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.28.0" styleCategories="Symbology|Labeling|Fields" labelsEnabled="1">
  <renderer-v2 type="categorizedSymbol" attr="CASE WHEN &quot;ground&quot; = 'new' THEN &quot;class&quot; ELSE &quot;ground&quot; END" symbollevels="0" forceraster="0" enableorderby="0" referencescale="-1">
    <categories>
      <category type="string" value="A" symbol="0" label="A, first priority" render="true"/>
      <category type="string" value="B" symbol="1" label="B, second" render="true"/>
      <category type="string" value="C" symbol="2" label="C, third" render="true"/>
      <category type="string" value="extension" symbol="3" label="extension of a deposit" render="true"/>
      <category type="string" value="known" symbol="3" label="on a known deposit" render="true"/>
    </categories>
    <symbols>
      <symbol type="fill" name="0" alpha="1" clip_to_extent="1" force_rhr="0">
        <layer class="SimpleFill" pass="0" locked="0" enabled="1">
          <Option type="Map">
            <Option type="QString" name="color" value="215,25,28,150"/>
            <Option type="QString" name="style" value="solid"/>
            <Option type="QString" name="outline_color" value="130,0,10,255"/>
            <Option type="QString" name="outline_style" value="solid"/>
            <Option type="QString" name="outline_width" value="0.4"/>
            <Option type="QString" name="outline_width_unit" value="MM"/>
            <Option type="QString" name="joinstyle" value="miter"/>
          </Option>
        </layer>
      </symbol>
      <symbol type="fill" name="1" alpha="1" clip_to_extent="1" force_rhr="0">
        <layer class="SimpleFill" pass="0" locked="0" enabled="1">
          <Option type="Map">
            <Option type="QString" name="color" value="253,141,60,150"/>
            <Option type="QString" name="style" value="solid"/>
            <Option type="QString" name="outline_color" value="170,70,0,255"/>
            <Option type="QString" name="outline_style" value="solid"/>
            <Option type="QString" name="outline_width" value="0.4"/>
            <Option type="QString" name="outline_width_unit" value="MM"/>
            <Option type="QString" name="joinstyle" value="miter"/>
          </Option>
        </layer>
      </symbol>
      <symbol type="fill" name="2" alpha="1" clip_to_extent="1" force_rhr="0">
        <layer class="SimpleFill" pass="0" locked="0" enabled="1">
          <Option type="Map">
            <Option type="QString" name="color" value="254,217,118,150"/>
            <Option type="QString" name="style" value="solid"/>
            <Option type="QString" name="outline_color" value="160,120,0,255"/>
            <Option type="QString" name="outline_style" value="solid"/>
            <Option type="QString" name="outline_width" value="0.4"/>
            <Option type="QString" name="outline_width_unit" value="MM"/>
            <Option type="QString" name="joinstyle" value="miter"/>
          </Option>
        </layer>
      </symbol>
      <symbol type="fill" name="3" alpha="1" clip_to_extent="1" force_rhr="0">
        <layer class="SimpleFill" pass="0" locked="0" enabled="1">
          <Option type="Map">
            <Option type="QString" name="color" value="120,120,120,40"/>
            <Option type="QString" name="style" value="solid"/>
            <Option type="QString" name="outline_color" value="90,90,90,255"/>
            <Option type="QString" name="outline_style" value="dot"/>
            <Option type="QString" name="outline_width" value="0.4"/>
            <Option type="QString" name="outline_width_unit" value="MM"/>
            <Option type="QString" name="joinstyle" value="miter"/>
          </Option>
        </layer>
      </symbol>
    </symbols>
  </renderer-v2>
  <labeling type="simple">
    <settings calloutType="simple">
      <text-style fieldName="CASE WHEN &quot;ground&quot; = 'new' THEN &quot;rank&quot; END" isExpression="1" fontSize="9" fontSizeUnit="Point" fontWeight="75" namedStyle="Bold" textColor="0,0,0,255" textOpacity="1">
        <text-buffer bufferDraw="1" bufferSize="0.8" bufferSizeUnits="MM" bufferColor="255,255,255,255" bufferOpacity="1" bufferNoFill="1" bufferJoinStyle="128"/>
      </text-style>
      <placement placement="1" quadOffset="4" centroidInside="1" centroidWhole="1"/>
      <rendering displayAll="1" drawLabels="1"/>
    </settings>
  </labeling>
  <aliases>
    <alias field="rank" name="Rank"/>
    <alias field="class" name="Class"/>
    <alias field="ground" name="Ground: new, extension, known"/>
    <alias field="area_km2" name="Area (km²)"/>
    <alias field="score_max" name="Highest score"/>
    <alias field="score_mean" name="Mean score"/>
    <alias field="reasons" name="Layers that raise the score"/>
    <alias field="caution" name="Caution"/>
    <alias field="uncertainty_mean" name="Mean uncertainty"/>
    <alias field="nearest_deposit_km" name="Distance to the nearest known deposit (km)"/>
    <alias field="nearest_deposit" name="Nearest known deposit"/>
    <alias field="x" name="X at the highest score"/>
    <alias field="y" name="Y at the highest score"/>
    <alias field="lon" name="Longitude"/>
    <alias field="lat" name="Latitude"/>
    <alias field="hit_share" name="Share of such targets that hit hidden deposits"/>
    <alias field="conformal_p" name="Conformal p-value"/>
    <alias field="applicable_share" name="Share within the area of applicability"/>
    <alias field="probability" name="Calibrated probability, mean"/>
  </aliases>
</qgis>

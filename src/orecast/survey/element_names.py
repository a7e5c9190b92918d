"""Names of elements in the languages of survey tables.

Names that are also common words are left out, such as the French *or* (gold).
"""

from __future__ import annotations

import unicodedata
from types import MappingProxyType

# English, German, Spanish, Portuguese, French, Italian, Polish, Swedish, Finnish, Turkish,
# Indonesian, Russian, Chinese and Japanese, in lower case without accents.
_NAMES = """
Ag silver silber plata prata argent argento srebro hopea gumus perak серебро 银 銀
Al aluminium aluminum aluminio alluminio алюминий 铝 鋁
As arsenic arsen arsenico arsenio arseeni arsenik мышьяк 砷
Au gold oro ouro zloto guld kulta altin emas золото 金
B boron bor boro bore бор 硼
Ba barium bario барий 钡
Be beryllium berilio бериллий 铍
Bi bismuth bismuto wismut bismut висмут 铋
Br bromine brom bromo бром 溴
C carbon kohlenstoff carbono carbone углерод 碳
Ca calcium kalzium calcio кальций 钙
Cd cadmium kadmium cadmio кадмий 镉
Ce cerium cer cerio церий 铈
Cl chlorine chlor cloro chlore хлор 氯
Co cobalt kobalt cobalto kobaltti кобальт 钴
Cr chromium chrom cromo chrome krom хром 铬
Cs cesium caesium cesio цезий 铯
Cu copper kupfer cobre cuivre rame miedz koppar kupari bakir tembaga медь 铜 銅
F fluorine fluor fluoro фтор 氟
Fe iron eisen hierro ferro fer zelazo jarn rauta demir besi железо 铁 鉄
Ga gallium galio gallio галлий 镓
Ge germanium germanio германий 锗
Hf hafnium hafnio гафний 铪
Hg mercury quecksilber mercurio mercure rtec kvicksilver elohopea civa ртуть 汞
I iodine jod yodo iodo iode йод 碘
In indium indio индий 铟
K potassium kalium potasio potassio калий 钾
La lanthanum lanthan lantano lanthane лантан 镧
Li lithium litio литий 锂
Mg magnesium magnesio магний 镁
Mn manganese mangan manganeso manganes mangano mangaani марганец 锰
Mo molybdenum molybdan molybdaen molibdeno molibdenio molybdene molibden молибден 钼
Na sodium natrium sodio натрий 钠
Nb niobium niob niobio ниобий 铌
Nd neodymium neodym neodimio неодим 钕
Ni nickel niquel nichel nikiel nikkeli nikel никель 镍
P phosphorus phosphor fosforo phosphore фосфор 磷
Pb lead blei plomo chumbo plomb piombo olow bly lyijy kursun timbal свинец 铅 鉛
Pd palladium paladio palladio палладий 钯
Pt platinum platin platino platina platine платина 铂
Rb rubidium rubidio рубидий 铷
Re rhenium renio рений 铼
S sulphur sulfur schwefel azufre enxofre soufre zolfo siarka svavel rikki kukurt сера 硫
Sb antimony antimon antimonio antimoine antimoni antymon сурьма 锑
Sc scandium escandio скандий 钪
Se selenium selen selenio селен 硒
Si silicon silizium silicio silicium кремний 硅
Sn tin zinn estano estanho etain stagno cyna tenn kalay timah олово 锡 錫
Sr strontium estroncio stronzio стронций 锶
Ta tantalum tantal tantalio тантал 钽
Te tellurium tellur telurio teluro tellure теллур 碲
Th thorium torio торий 钍
Ti titanium titan titanio titane титан 钛
Tl thallium talio таллий 铊
U uranium uran uranio uraani уран 铀
V vanadium vanadio vanadin ванадий 钒
W tungsten wolfram tungsteno wolframio tungstenio tungstene volframi вольфрам 钨
Y yttrium itrio ittrio иттрий 钇
Zn zinc zink cinc zinco cynk sinkki cinko seng цинк 锌 亜鉛
Zr zirconium zirkonium circonio zirconio цирконий 锆
"""


def without_accents(text: str) -> str:
    """Latin letters without accents; other letters stay.

    >>> without_accents("Molybdän"), without_accents("медь"), without_accents("никель, иттрий")
    ('Molybdan', 'медь', 'никель, иттрий')
    """
    parts = unicodedata.normalize("NFKD", text.replace("ł", "l").replace("ı", "i"))
    plain = "".join(
        c
        for k, c in enumerate(parts)
        if not (unicodedata.combining(c) and k and parts[k - 1].isascii())
    )
    return unicodedata.normalize("NFC", plain)


NAMES = MappingProxyType(
    {name: line.split()[0] for line in _NAMES.strip().split("\n") for name in line.split()[1:]}
)
"""Symbol by name, in lower case without accents."""

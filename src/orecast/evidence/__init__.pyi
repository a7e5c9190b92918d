from .building import build_evidence, propose_grid, refitted
from .layers import FAULT_DISTANCE, Evidence, Kind, layers_without, read_evidence, write_evidence
from .proximity import sampling_density

__all__ = [
    "FAULT_DISTANCE",
    "Evidence",
    "Kind",
    "build_evidence",
    "layers_without",
    "propose_grid",
    "read_evidence",
    "refitted",
    "sampling_density",
    "write_evidence",
]

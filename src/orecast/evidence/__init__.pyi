from .building import build_evidence, propose_grid, refitted
from .layers import FAULT_DISTANCE, Evidence, Kind
from .proximity import sampling_density
from .storage import read_evidence, write_evidence

__all__ = [
    "FAULT_DISTANCE",
    "Evidence",
    "Kind",
    "build_evidence",
    "propose_grid",
    "read_evidence",
    "refitted",
    "sampling_density",
    "write_evidence",
]

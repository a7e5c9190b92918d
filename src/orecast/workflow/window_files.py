"""Someone's windows and labels, arrays in files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orecast.errors import InputError

Real = NDArray[np.floating]
Ints = NDArray[np.int64]


def read_window_pair(train_path: Path, test_path: Path) -> tuple[Real, Real]:
    """Read training and test windows of one kind, each ``(n, size, size, channels)``.

    Windows with channels first are turned; where one part is saved more finely than the other, it
    is taken as coarse. Raises InputError for what holds no such windows, or unlike ones.
    """
    train, test = _read_windows(train_path), _read_windows(test_path)
    if train.shape[1:] != test.shape[1:]:
        raise InputError(
            f"its windows are {_sides(test)}, those of {train_path} {_sides(train)}",
            where=str(test_path),
            remedy="give windows of one size and the same channels in the same order",
        )
    coarser = min(train.dtype, test.dtype)
    return train.astype(coarser, copy=False), test.astype(coarser, copy=False)


def read_labels(path: Path, n: int) -> Ints:
    """Read labels of 1 and 0 of ``n`` windows, ``(n,)``; one-hot ones, barren first, are read too.

    Raises InputError for another number of them, or other values.
    """
    found = _read_array(path)
    where = str(path)
    if found.shape == (n, 2) and (found.sum(axis=1) == 1).all():  # one-hot: barren, ore
        found = found[:, 1]
    if found.shape not in {(n,), (n, 1)}:
        raise InputError(
            f"labels of shape {found.shape} for {n} windows",
            where=where,
            remedy="give one label a window, in the windows' order",
        )
    if not np.isin(found, (0, 1)).all():
        raise InputError(
            "labels are not 1 (ore) and 0 (barren)", where=where, remedy="code them as 1 and 0"
        )
    return found.reshape(-1).astype(np.int64)


def _read_array(path: Path) -> NDArray[Any]:
    try:
        found = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise InputError("no such file", where=str(path)) from None
    except (OSError, ValueError, EOFError) as error:
        what = "holds Python objects" if "Object arrays" in str(error) else "is no .npy file"
        remedy = "save a plain array of numbers with numpy.save"
        raise InputError(what, where=str(path), remedy=remedy) from None
    if not isinstance(found, np.ndarray):
        found.close()
        raise InputError("holds several arrays", where=str(path), remedy="save one as .npy")
    if found.dtype.kind not in "fiub":
        raise InputError(f"holds no numbers ({found.dtype})", where=str(path))
    return found


def _read_windows(path: Path) -> Real:
    found = _read_array(path)
    where = str(path)
    remedy = "save windows as (n, size, size, channels)"
    if found.ndim != 4 or not found.size:
        raise InputError(f"has shape {found.shape}", where=where, remedy=remedy)
    _, first, middle, last = found.shape
    if first != middle and middle == last:  # channels first, as torch has them
        found = found.transpose(0, 2, 3, 1)
    elif first != middle:
        raise InputError(f"its windows are no squares {found.shape}", where=where, remedy=remedy)
    if found.dtype.kind != "f" or found.dtype.itemsize not in (4, 8):
        found = found.astype(np.float64)
    gaps = ~np.isfinite(found)
    if gaps.any():
        n = int(gaps.any(axis=(1, 2, 3)).sum())
        raise InputError(
            f"{n} of {len(found)} windows hold missing or infinite values",
            where=where,
            remedy="leave those windows out, or fill them as the model is given them",
        )
    return found


def _sides(windows: Real) -> str:
    _, height, width, channels = windows.shape
    return f"{height} x {width} cells with {channels} channels"

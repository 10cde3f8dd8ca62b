"""Where the example job, its data and its modules are: beside the package in a wheel, at the root in a checkout."""

from __future__ import annotations

from pathlib import Path

import hengio
from hengio.errors import NotFound


def examples_folder() -> Path:
    """The `examples` folder. `NotFound` if this installation has none."""
    package = Path(hengio.__file__).parent
    for folder in (package / "examples", package.parent.parent / "examples"):
        if (folder / "wildlife-strikes" / "job.json").is_file():
            return folder
    raise NotFound("the example job is not part of this installation", hint="run it from a checkout of the sources")

"""Makes `docs/images/demo.svg`, the picture of a terminal run, from a real run."""

from __future__ import annotations

import io
import re
import tempfile
from pathlib import Path

from rich.console import Console

from hengio.cli.demo import run_demo

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "demo.svg"


def main() -> None:
    """Run the demo in a folder of its own and save what a person sees."""
    console = Console(
        record=True, width=104, file=io.StringIO(), force_terminal=False, color_system="truecolor", highlight=False
    )
    with tempfile.TemporaryDirectory() as folder:
        console.print("[bold green]$[/] make demo")
        run_demo(Path(folder), as_json=False, console=console)
        svg = console.export_svg(title="make demo").replace(folder, ".hengio-demo")
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)  # a picture fetches nothing
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()

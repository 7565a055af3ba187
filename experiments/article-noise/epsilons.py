"""Works out what the article's training costs at every noise, and stores it beside its runs.

Run: python experiments/article-noise/epsilons.py (about 20 seconds; trains nothing)
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tithe.reproduction.article_epsilon import epsilon_table
from tithe.reproduction.figures import EPSILONS
from tithe.reproduction.tables import epsilon_table as as_table
from tithe.reproduction.tables import in_markdown

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from run import put_between_marks  # noqa: E402


def main() -> None:
    """Writes results/epsilons.json, and the tables of README.md from it."""
    path = HERE / EPSILONS
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(epsilon_table(), indent=1) + "\n", encoding="utf-8")
    for name, rows in json.loads(path.read_text(encoding="utf-8")).items():
        marks = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        lines = in_markdown(as_table(rows))
        put_between_marks(HERE / "README.md", lines, begin=marks[0], end=marks[1])
    print(f"{path.relative_to(HERE.parent.parent)} and the tables of README.md")


if __name__ == "__main__":
    main()

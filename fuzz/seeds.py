"""Seeds of the fuzz targets: the texts of conformance cases, one file each, in the corpus folders.

    python3 fuzz/seeds.py DIR       (DIR: the folder that `cargo xtask conformance` is given)

A seed is a prediction and a reference with a NUL between them. Needs nothing but Python.
"""

import hashlib
import json
import pathlib
import sys

FILES = {
    "math_cases.jsonl": ("prediction", "reference"),
    "extraction_cases.jsonl": ("input", "expected"),
}


def text(value):
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def main():
    cases, corpus = pathlib.Path(sys.argv[1]), pathlib.Path(__file__).parent / "corpus"
    seeds = set()
    for name, fields in FILES.items():
        for line in (cases / name).read_text().splitlines():
            case = json.loads(line)
            seeds.add("\0".join(text(case[field]) for field in fields).encode())
    for target in ("equivalence", "extraction"):
        folder = corpus / target
        folder.mkdir(parents=True, exist_ok=True)
        for seed in seeds:
            (folder / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    print(f"{len(seeds)} seeds a target in {corpus}")


if __name__ == "__main__":
    main()

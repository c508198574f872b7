"""Lists the licences of everything that is installed, then asks pip-audit for known weaknesses.

Without a network the second part is left out and said so; that is no failure. A weakness that is found is one.
"""

# ruff: noqa: T201 - a program for a terminal

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

SITE = Path(sysconfig.get_paths()["purelib"])
TOOLS = Path(sys.prefix) / "audit"
PIP_AUDIT = "pip-audit==2.10.1"


def licence(metadata: importlib.metadata.PackageMetadata) -> str:
    """What a distribution says of its licence, in a few words."""
    fields = {key: metadata.get_all(key) or [] for key in ("License-Expression", "License", "Classifier")}
    classified = [line.rpartition(" :: ")[2] for line in fields["Classifier"] if line.startswith("License ::")]
    named = [line.strip().splitlines()[0] for line in fields["License"] if line.strip()]
    return (fields["License-Expression"] or classified or named or ["not said"])[0][:60]


def list_licences() -> None:
    found = {
        str(one.metadata["Name"]): (one.version, licence(one.metadata))
        for one in importlib.metadata.distributions(path=[str(SITE)])
    }
    for name in sorted(found, key=str.lower):
        version, said = found[name]
        print(f"{name:32} {version:16} {said}")
    print(f"{len(found)} packages, {sum(said == 'not said' for _, said in found.values())} without a licence in them")


def weaknesses() -> tuple[list[str], int] | None:
    """Known weaknesses of what is installed, and of how many packages; None where nobody could be asked."""
    if not (TOOLS / "pip_audit").is_dir():
        # One try: where there is no network, waiting for it five times over tells no more.
        patience = ["--retries", "1", "--timeout", "10"]
        command = [sys.executable, "-m", "pip", "install", "--quiet", *patience, "--target", str(TOOLS), PIP_AUDIT]
        if subprocess.run(command, check=False, capture_output=True).returncode:
            return None
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip_audit", "--path", str(SITE), "--format", "json", "--output", str(report)]
        environment = {**os.environ, "PYTHONPATH": str(TOOLS)}
        subprocess.run([*command, "--timeout", "15"], env=environment, check=False, capture_output=True)
        if not report.is_file():
            return None
        packages = json.loads(report.read_text())["dependencies"]
    # A mirror without advisories counts every package as skipped, and that as success.
    asked = [one for one in packages if "vulns" in one]
    if not asked:
        return None
    return [f"{one['name']} {one['version']}: {bad['id']}" for one in asked for bad in one["vulns"]], len(asked)


def main() -> int:
    list_licences()
    found = weaknesses()
    if found is None:
        print("known weaknesses were not looked up: no network, or the service does not answer")
        return 0
    known, asked = found
    print("\n".join([*known, f"{len(known)} known weaknesses in {asked} packages"]))
    return 1 if known else 0


if __name__ == "__main__":
    sys.exit(main())

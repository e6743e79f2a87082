"""Another project ships a package of our name: what pip makes of both is noticed, and said with the way out."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import pytest

import labelfree
from repository import ROOT

pytestmark = pytest.mark.once

THEIRS = {
    "labelfree/__init__.py": '"""Metrics for detectors."""\n\n__version__ = "1.0.0"\n\n__all__ = ["__version__"]\n',
    "labelfree/metrics/__init__.py": "from labelfree.metrics.asoi import asoi_score\n",
    "labelfree/metrics/asoi.py": "def asoi_score(X):\n    return 0.0\n",
    "labelfree/utils/__init__.py": '"""Utilities."""\n',
}
"""What PyPI's labelfree 1.0.0 overwrites and adds, in short."""
EVERY_WAY = (
    ("labelfree", "--version"),
    ("labelfree", "rank", "x.npy"),
    ("python", "-m", "labelfree", "rank", "x.npy"),
)
WAY_OUT = "pip uninstall labelfree labelfree-eval, then install labelfree-eval again"


def wheel(place: Path, name: str, version: str, files: Mapping[str, bytes]) -> Path:
    """A wheel of these files, as a build would make it."""
    path = place / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    about = f"{name.replace('-', '_')}-{version}.dist-info"
    files = {
        **files,
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{about}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if name == "labelfree-eval":
        files[f"{about}/entry_points.txt"] = b"[console_scripts]\nlabelfree = labelfree.cli:main\n"
    record = [
        f"{file},sha256={urlsafe_b64encode(sha256(content).digest()).decode().rstrip('=')},{len(content)}\n"
        for file, content in files.items()
    ]
    files[f"{about}/RECORD"] = "".join([*record, f"{about}/RECORD,,\n"]).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for file, content in files.items():
            archive.writestr(file, content)
    return path


class Environment:
    """A virtual environment that borrows the packages of this one, but for labelfree."""

    def __init__(self, place: Path) -> None:
        self.place = place
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", place / "env"], check=True)
        self.python = place / "env" / "bin" / "python"
        self.packages = Path(self.printed("import sysconfig; print(sysconfig.get_path('purelib'))"))
        (self.packages / "borrowed.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
        source = ROOT / "src"
        ours = {
            str(file.relative_to(source)): file.read_bytes()
            for file in source.rglob("*")
            if file.is_file() and "__pycache__" not in file.parts and "demo_data" not in file.parts
        }
        self.wheels = {
            "labelfree-eval": wheel(place, "labelfree-eval", labelfree.__version__, ours),
            "labelfree": wheel(place, "labelfree", "1.0.0", {name: text.encode() for name, text in THEIRS.items()}),
        }

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment, without what this process has set."""
        return subprocess.run(
            [self.python.parent / command[0], *command[1:]], capture_output=True, text=True, timeout=120, check=False,
            cwd=self.place, env={"PATH": "/usr/bin:/bin"},
        )  # fmt: skip

    def printed(self, code: str) -> str:
        return self.run("python", "-c", code).stdout.strip()

    def pip(self, *arguments: str | Path) -> None:
        quiet = ("--python", self.python, "--disable-pip-version-check", "-q")
        subprocess.run([sys.executable, "-m", "pip", *quiet, *arguments], check=True, capture_output=True)

    def install(self, name: str) -> None:
        """Install over what is there, as pip does: it finds no conflict."""
        self.pip("install", "--no-deps", "--no-index", "--no-compile", self.wheels[name])

    def refuses(self, *found: str, commands: tuple[tuple[str, ...], ...] = (("labelfree", "--version"),)) -> None:
        """The program says what was found, in one line, with exit code 2."""
        for command in commands:
            done = self.run(*command)
            assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
            assert done.stderr.startswith("labelfree: expected the files of labelfree-eval in ")
            assert all(what in done.stderr for what in found)
            assert WAY_OUT in done.stderr


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    made = Environment(tmp_path)
    if made.printed("import importlib.util; print(importlib.util.find_spec('labelfree'))") != "None":
        pytest.skip("this environment has labelfree among its packages, which would be found beside any other")
    return made


@pytest.mark.slow
def test_another_project_installed_over_ours_or_below_it_is_noticed(environment: Environment) -> None:
    environment.install("labelfree-eval")
    assert environment.run("labelfree", "--version").stdout == f"labelfree-eval {labelfree.__version__}\n"

    environment.install("labelfree")
    environment.refuses(
        "found an __init__.py of another project; PyPI's project labelfree",
        f"(installed: labelfree 1.0.0 and labelfree-eval {labelfree.__version__})",
        commands=EVERY_WAY,
    )
    for code in ("import labelfree.history", "from labelfree.training import Monitor"):
        done = environment.run("python", "-c", code)
        assert done.returncode == 1
        assert "ImportError: expected the files of labelfree-eval in " in done.stderr
        assert WAY_OUT in done.stderr

    environment.pip("uninstall", "-y", "labelfree")  # takes our __init__.py with it
    environment.refuses("found no __init__.py; ")

    environment.pip("uninstall", "-y", "labelfree-eval")
    environment.install("labelfree")
    environment.install("labelfree-eval")  # its __init__.py, beside a folder that hides metrics.py
    environment.refuses("found a folder metrics of another project, which hides metrics.py; ", commands=EVERY_WAY)
    for code in ("import labelfree", "import labelfree.metrics", "from labelfree import metrics"):
        done = environment.run("python", "-c", code)
        assert done.returncode == 1
        assert WAY_OUT in done.stderr

    environment.pip("uninstall", "-y", "labelfree", "labelfree-eval")  # the way out
    environment.install("labelfree-eval")
    assert environment.run("labelfree", "--version").stdout == f"labelfree-eval {labelfree.__version__}\n"
    assert environment.printed("import labelfree.metrics; print(labelfree.metrics.rankme.__name__)") == "rankme"


@pytest.mark.slow
def test_an_import_that_fails_names_the_files_that_were_changed(environment: Environment) -> None:
    environment.install("labelfree-eval")
    place = environment.packages / "labelfree"
    errors = (place / "errors.py").read_text()
    (place / "errors.py").write_text("class LabelfreeError(Exception):\n    pass\n")
    environment.refuses("found others than it was installed with: labelfree/errors.py; ")
    (place / "cli" / "flags.py").unlink()
    environment.refuses(
        "found others than it was installed with: labelfree/cli/flags.py (missing), labelfree/errors.py"
    )
    (place / "errors.py").write_text(errors)
    environment.refuses("found others than it was installed with: labelfree/cli/flags.py (missing); ")


@pytest.mark.slow
def test_a_crash_over_changed_files_is_no_bug_of_ours(environment: Environment) -> None:
    environment.install("labelfree-eval")
    (environment.packages / "labelfree" / "commands" / "explanation.py").write_text(
        "def explanation(a):\n    return a.b\n"
    )
    done = environment.run("labelfree", "explain", "rankme")
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert "labelfree: expected the files of labelfree-eval, found others" in done.stderr
    assert "labelfree/commands/explanation.py" in done.stderr

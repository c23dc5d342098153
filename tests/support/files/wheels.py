"""A package that bears the name and version of another one, for whoever installs to refuse."""

import zipfile
from pathlib import Path


def forge(folder: Path, package: str, version: str) -> None:
    """Put a wheel into a folder.

    Args:
        folder: that an installer is told to look in.
        package: the name that it bears.
        version: that it claims to be.
    """
    stem = f"{package.replace('-', '_')}-{version}"
    about = {
        "METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: forged\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "",
    }
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
        for name, text in about.items():
            wheel.writestr(f"{stem}.dist-info/{name}", text)

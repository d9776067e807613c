# Takes from the wheels in a folder what the CPU part of libtorch needs: WHEELS DESTINATION.
import pathlib, shutil, sys, zipfile

WANTED = {
    "torch-*.whl": ["torch/lib/libtorch_cpu.so", "torch/lib/libc10.so", "torch/lib/libgomp.so.1"],
    "nvidia_cuda_runtime-*.whl": ["nvidia/cu13/lib/libcudart.so.13"],
    "nvidia_cuda_cupti-*.whl": ["nvidia/cu13/lib/libcupti.so.13"],
}
HEADERS = "torch/include/"


def copy(wheel, name, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    # zipfile compares the checksum when it has read the last byte.
    with wheel.open(name) as source, open(target, "wb") as sink:
        shutil.copyfileobj(source, sink, 1 << 20)


wheels, destination = map(pathlib.Path, sys.argv[1:])
try:
    for pattern, libraries in WANTED.items():
        found = list(wheels.glob(pattern))
        if len(found) != 1:
            sys.exit(f"expected one {pattern} in {wheels}, found {len(found)}")
        with zipfile.ZipFile(found[0]) as wheel:
            for name in libraries:
                copy(wheel, name, destination / "lib" / name.rpartition("/")[2])
            for name in wheel.namelist():
                if name.startswith(HEADERS) and not name.endswith("/"):
                    copy(wheel, name, destination / "include" / name[len(HEADERS):])
except (OSError, KeyError, zipfile.BadZipFile) as error:
    sys.exit(f"{type(error).__name__}: {error}")

//! Provisions a build from PyPI.
//!
//! Python does the fetching and unpacking: pip knows proxies, mirrors and certificates as the user has set them up,
//! and `zipfile` is there wherever pip is, so that this program needs no HTTP, TLS, zip or hash crates and compiles
//! in seconds. Everything is prepared in a `partial-*` folder and renamed into place when it is whole.

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Instant;

use super::VERSION;
use super::layout::{self, Build, Home};
use crate::error::Error;
use crate::python::Python;

/// The CPU part of libtorch lies in these wheels; pip refuses any others by their hashes.
const CPU_WHEELS: &str = include_str!("wheels.txt");

/// Takes from the wheels what the CPU part needs.
const UNPACK: &str = include_str!("unpack.py");

/// Stands in for the real `libtorch.so`, which asks for `libtorch_cuda.so`.
const LINKER_SCRIPT: &str = "INPUT ( -ltorch_cpu )\n";

/// The wheels' libraries are the same for every Python; one is named so that any pip finds them.
const PLATFORM: [&str; 11] = [
    "--only-binary=:all:",
    "--python-version",
    "3.11",
    "--platform",
    "manylinux_2_28_x86_64",
    "--platform",
    "manylinux_2_25_x86_64",
    "--platform",
    "manylinux_2_17_x86_64",
    "--platform",
    "manylinux2014_x86_64",
];

/// Prefix of everything that is not finished.
const PARTIAL: &str = "partial-";

/// Provisions `build` and makes it the current one.
pub(super) fn provision(
    home: &Home,
    build: Build,
    python: &Python,
    force: bool,
) -> Result<(), Error> {
    fs::create_dir_all(home.path()).map_err(Error::io("create", home.path()))?;
    let lock = lock(home)?;
    clean(home)?;
    if force {
        remove(&home.wheels())?;
    }
    if force || layout::check(&home.dir(build)).is_err() {
        check_machine(home, build, python)?;
        let start = Instant::now();
        let staging = home.path().join(format!("{PARTIAL}{}", std::process::id()));
        fs::create_dir(&staging).map_err(Error::io("create", &staging))?;
        match build {
            Build::Cpu => fill_cpu(home, &staging, python, &lock)?,
            Build::Cuda => fill_cuda(&staging, python, &lock)?,
        }
        layout::finish(&staging)?;
        install(home, build, &staging)?;
        remove(&home.wheels())?;
        println!(
            "libtorch {VERSION} ({build}) provisioned in {:.0} s",
            start.elapsed().as_secs_f64()
        );
    }
    switch(home, build)
}

/// Lets one set-up run at a time; also waits for the pip of one that was killed.
fn lock(home: &Home) -> Result<File, Error> {
    let path = home.path().join("lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(&path)
        .map_err(Error::io("create", &path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            println!(
                "another set-up (or the pip of one that was killed) is at work; waiting for it"
            );
            file.lock().map_err(Error::io("lock", &path))?;
        }
        Err(TryLockError::Error(source)) => return Err(Error::io("lock", &path)(source)),
    }
    Ok(file)
}

fn check_machine(home: &Home, build: Build, python: &Python) -> Result<(), Error> {
    let probe = python.probe(home.path())?;
    if !probe.supported {
        return Err(Error::Platform { found: probe.platform });
    }
    if !probe.pip {
        return Err(Error::PipMissing { python: python.name() });
    }
    let needed = space(build);
    if probe.free < needed {
        let gigabytes = |bytes: u64| bytes as f64 / 1e9;
        let found =
            format!("{:.1} GB needed, {:.1} GB free", gigabytes(needed), gigabytes(probe.free));
        return Err(Error::DiskFull { path: home.path().to_owned(), found });
    }
    Ok(())
}

/// Bytes needed at the busiest moment: download, pip's copy of it, and what is unpacked.
const fn space(build: Build) -> u64 {
    match build {
        Build::Cpu => 1_700_000_000,
        Build::Cuda => 12_000_000_000,
    }
}

fn fill_cpu(home: &Home, staging: &Path, python: &Python, lock: &File) -> Result<(), Error> {
    println!("downloading the CPU part of libtorch {VERSION} from PyPI (546 MB, once)");
    let requirements = staging.join("wheels.txt");
    write(&requirements, CPU_WHEELS)?;
    let wheels = home.wheels();
    let mut args: Vec<&OsStr> =
        ["download", "--no-cache-dir", "--no-deps", "--require-hashes"].map(OsStr::new).to_vec();
    args.extend(PLATFORM.map(OsStr::new));
    args.extend([OsStr::new("--requirement"), requirements.as_os_str()]);
    args.extend([OsStr::new("--dest"), wheels.as_os_str()]);
    pip(python, &args, staging, lock)?;
    remove(&requirements)?;

    println!("unpacking");
    if let Err(detail) = python.script(UNPACK, &[wheels.as_os_str(), staging.as_os_str()])? {
        return Err(if detail.contains("No space left") {
            Error::DiskFull { path: staging.to_owned(), found: detail }
        } else {
            Error::Unpack { detail }
        });
    }
    write(&staging.join("lib/libtorch.so"), LINKER_SCRIPT)?;
    write(&staging.join("build-version"), &format!("{VERSION}+cpu\n"))
}

fn fill_cuda(staging: &Path, python: &Python, lock: &File) -> Result<(), Error> {
    println!(
        "downloading libtorch {VERSION} with CUDA from PyPI (some 2.5 GB, 5 GB unpacked, once)"
    );
    let site = staging.join("site");
    let torch = format!("torch=={VERSION}");
    let mut args: Vec<&OsStr> =
        ["install", "--no-cache-dir", "--no-compile"].map(OsStr::new).to_vec();
    args.extend(PLATFORM.map(OsStr::new));
    args.extend([OsStr::new("--target"), site.as_os_str(), OsStr::new(&torch)]);
    pip(python, &args, staging, lock)?;

    // The libraries find NVIDIA's at ../../nvidia from where they lie, also through these links.
    for part in ["lib", "include"] {
        let link = staging.join(part);
        symlink(format!("site/torch/{part}"), &link).map_err(Error::io("create", &link))?;
    }
    write(&staging.join("build-version"), &format!("{VERSION}+cu130\n"))
}

fn pip(python: &Python, args: &[&OsStr], staging: &Path, lock: &File) -> Result<(), Error> {
    let scratch = staging.join("tmp");
    fs::create_dir(&scratch).map_err(Error::io("create", &scratch))?;
    // pip holds the lock as well: should this program be killed, the next one waits for the pip it left behind.
    let guard = lock.try_clone().map_err(Error::io("lock", staging))?;
    python.pip(args, &scratch, Some(guard))?;
    remove(&scratch)
}

/// Moves a finished build into place.
fn install(home: &Home, build: Build, staging: &Path) -> Result<(), Error> {
    let dir = home.dir(build);
    let old = home.path().join(format!("{PARTIAL}old-{}", std::process::id()));
    if dir.exists() {
        fs::rename(&dir, &old).map_err(Error::io("rename", &dir))?;
    }
    fs::rename(staging, &dir).map_err(Error::io("rename", staging))?;
    layout::sync(home.path())?;
    remove(&old)
}

/// Makes a finished build the one that `LIBTORCH` names.
fn switch(home: &Home, build: Build) -> Result<(), Error> {
    layout::check(&home.dir(build))?;
    let link = home.path().join(format!("{PARTIAL}link-{}", std::process::id()));
    let dir = home.dir(build);
    let name = dir.file_name().unwrap_or(dir.as_os_str());
    symlink(name, &link).map_err(Error::io("create", &link))?;
    fs::rename(&link, home.link()).map_err(Error::io("replace", &home.link()))?;
    layout::sync(home.path())
}

/// Removes what a killed run left.
fn clean(home: &Home) -> Result<(), Error> {
    for entry in fs::read_dir(home.path()).map_err(Error::io("read", home.path()))? {
        let path = entry.map_err(Error::io("read", home.path()))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with(PARTIAL) {
            remove(&path)?;
        }
    }
    Ok(())
}

/// Removes a file, link or folder that may not be there.
fn remove(path: &Path) -> Result<(), Error> {
    let Ok(file) = fs::symlink_metadata(path) else { return Ok(()) };
    let removed = if file.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.map_err(Error::io("remove", path))
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text).map_err(Error::io("write", path))
}

//! Provisions a build from PyPI.
//!
//! Python does the fetching and unpacking: pip knows proxies, mirrors and certificates as the user has set them up,
//! and `zipfile` is there wherever pip is, so that this program needs no HTTP, TLS, zip or hash crates and compiles
//! in seconds. Everything is prepared in a `partial-*` folder and renamed into place when it is whole.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Stdio;
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
    switch(home, build)?;
    clean(home)
}

/// The wheels' libraries are the same for every Python: one version is named, with all platforms that glibc 2.28
/// covers, so that any pip finds them.
fn platform() -> Vec<OsString> {
    let mut args = vec!["--only-binary=:all:".into(), "--python-version=3.11".into()];
    let versions = (5..=28).rev().map(|minor| format!("_2_{minor}"));
    let names = versions.chain(["2014", "2010", "1"].map(str::to_owned));
    args.extend(names.map(|name| format!("--platform=manylinux{name}_x86_64").into()));
    args
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
                "another set-up (or what is left of one that was killed) is at work; waiting for it"
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
        Build::Cuda => 9_000_000_000,
    }
}

fn fill_cpu(home: &Home, staging: &Path, python: &Python, lock: &File) -> Result<(), Error> {
    println!("downloading the CPU part of libtorch {VERSION} from PyPI (546 MB, once)");
    let requirements = staging.join("wheels.txt");
    write(&requirements, CPU_WHEELS)?;
    let wheels = home.wheels();
    let download = ["download", "--no-cache-dir", "--no-deps", "--require-hashes"];
    let mut args: Vec<OsString> = download.map(Into::into).into();
    args.extend(platform());
    args.extend(["--requirement".into(), requirements.clone().into()]);
    args.extend(["--dest".into(), wheels.clone().into()]);
    pip(python, &args, staging, lock)?;
    remove(&requirements)?;

    println!("unpacking");
    let args = [wheels.as_os_str(), staging.as_os_str()];
    if let Err(detail) = python.script(UNPACK, &args, guard(lock)?)? {
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
    let mut args: Vec<OsString> =
        ["install", "--no-cache-dir", "--no-compile"].map(Into::into).into();
    args.extend(platform());
    args.extend(["--target".into(), staging.join("site").into()]);
    args.push(format!("torch=={VERSION}").into());
    pip(python, &args, staging, lock)?;

    // The libraries find NVIDIA's at ../../nvidia from where they lie, also through these links.
    for part in ["lib", "include"] {
        let link = staging.join(part);
        symlink(format!("site/torch/{part}"), &link).map_err(Error::io("create", &link))?;
    }
    write(&staging.join("build-version"), &format!("{VERSION}+cu130\n"))
}

fn pip(python: &Python, args: &[OsString], staging: &Path, lock: &File) -> Result<(), Error> {
    let scratch = staging.join("tmp");
    fs::create_dir(&scratch).map_err(Error::io("create", &scratch))?;
    python.pip(args, &scratch, guard(lock)?)?;
    remove(&scratch)
}

/// Lets a child hold the lock as well: should this program be killed, the next one waits for what it left behind.
fn guard(lock: &File) -> Result<Stdio, Error> {
    lock.try_clone().map(Stdio::from).map_err(Error::io("lock", Path::new("the set-up")))
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

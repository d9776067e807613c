//! Set-up as a user meets it: the real program, with stand-ins for Python's pip on `PATH`.

#![expect(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Hands everything but pip's download to the real Python; `DOWNLOAD` stands for that.
const PYTHON: &str = r#"#!/bin/bash
case "$*" in
  *"pip "*download*) while [ "$1" != --dest ]; do shift; done; mkdir -p "$2"; cd "$2"; DOWNLOAD ;;
  *) exec "$REAL_PYTHON" "$@" ;;
esac
"#;

/// Makes wheels that hold one small file for each that set-up looks for.
const WHEELS: &str = r#""$REAL_PYTHON" -c '
import zipfile
wheels = {
    "torch-2.11.0-cp311.whl": ["torch/lib/libtorch_cpu.so", "torch/lib/libc10.so", "torch/lib/libgomp.so.1",
        "torch/lib/libtorch_python.so", "torch/include/torch/csrc/api/include/torch/torch.h"],
    "nvidia_cuda_runtime-13.whl": ["nvidia/cu13/lib/libcudart.so.13"],
    "nvidia_cuda_cupti-13.whl": ["nvidia/cu13/lib/libcupti.so.13"],
}
for wheel, names in wheels.items():
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in names:
            archive.writestr(name, name)
'"#;

/// A workspace folder and the programs on `PATH`.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    /// One with a Python whose pip does `download`.
    fn new(download: &str) -> Self {
        let place = Self::bare();
        place.python(&PYTHON.replace("DOWNLOAD", download));
        place
    }

    /// One without any Python.
    fn bare() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("bin")).unwrap();
        Self { dir }
    }

    fn python(&self, script: &str) {
        let path = self.dir.path().join("bin/python3");
        fs::write(&path, script).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn command(&self) -> Command {
        let bin = self.dir.path().join("bin");
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command
            .env_clear()
            .env("PATH", format!("{}:/bin:/usr/bin", bin.display()))
            .env("REAL_PYTHON", real_python())
            .env("CARGO_MANIFEST_DIR", self.dir.path().join("xtask"))
            .env("LIBTORCH", self.home().join("current"));
        command
    }

    fn setup(&self) -> Output {
        self.command().arg("setup").output().unwrap()
    }

    fn start(&self) -> Child {
        let mut command = self.command();
        command.arg("setup").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    fn home(&self) -> PathBuf {
        self.dir.path().join(".libtorch")
    }

    /// The names in `.libtorch/`, sorted.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.home()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[track_caller]
    fn assert_finished(&self) {
        assert_eq!(self.names(), ["2.11.0-cpu", "current", "lock"]);
        let current = self.home().join("current");
        let read = |name: &str| fs::read_to_string(current.join(name)).unwrap();
        assert_eq!(read("build-version"), "2.11.0+cpu\n");
        assert_eq!(read("lib/libtorch.so"), "INPUT ( -ltorch_cpu )\n");
        assert_eq!(read("lib/libcudart.so.13"), "nvidia/cu13/lib/libcudart.so.13");
        assert!(!current.join("lib/libtorch_python.so").exists());
    }
}

/// The Python that tests run with, found before `PATH` is replaced.
fn real_python() -> String {
    let script = "import sys; print(sys.executable)";
    let output = Command::new("python3").args(["-c", script]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[track_caller]
fn assert_done(output: &Output) {
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

#[track_caller]
fn assert_fails(output: &Output, fact: &str, advice: &str) {
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains(fact) && message.contains("to do: "), "{message}");
    assert!(message.contains(advice), "{message}");
}

fn wait_for(what: impl Fn() -> bool) {
    let start = Instant::now();
    while !what() {
        assert!(start.elapsed() < Duration::from_mins(5), "waited in vain");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn set_up_provisions_once() {
    let place = Place::new(WHEELS);
    assert_done(&place.setup());
    place.assert_finished();
    // From now on no Python is needed.
    fs::remove_file(place.dir.path().join("bin/python3")).unwrap();
    assert_done(&place.setup());
    place.assert_finished();
}

#[test]
fn each_failure_of_pip_says_what_to_do_and_leaves_nothing_that_looks_finished() {
    let cases = [
        (
            "echo 'ERROR: [Errno 28] No space left on device' >&2; exit 1",
            "not enough disk space",
            "free some space",
        ),
        (
            "echo 'Retrying (Retry(total=4)) after connection broken by NewConnectionError' >&2; exit 1",
            "could not download",
            "check the connection",
        ),
        ("echo 'ERROR: no such option: --dest' >&2; exit 2", "no such option", "--upgrade pip"),
        ("exit 0", "cannot unpack the wheels: expected one torch-*.whl", "setup --force"),
        ("touch torch-2.whl", "BadZipFile", "setup --force"),
    ];
    for (download, fact, advice) in cases {
        let place = Place::new(download);
        assert_fails(&place.setup(), fact, advice);
        assert!(!place.home().join("current").exists());
        place.python(&PYTHON.replace("DOWNLOAD", &format!("rm -f *; {WHEELS}")));
        assert_done(&place.setup());
        place.assert_finished();
    }
}

#[test]
fn each_lack_of_the_machine_says_what_to_do() {
    let probe = |answer: &str| format!("#!/bin/bash\necho '{answer}'\n");
    let place = Place::bare();
    let path = format!("{}", place.dir.path().join("bin").display());
    assert_fails(
        &place.command().arg("setup").env("PATH", path).output().unwrap(),
        "cannot run python3",
        "install Python 3",
    );
    let cases = [
        (
            r#"{"platform": "Linux aarch64 glibc 2.39", "supported": false, "pip": true, "free": 9e12}"#,
            "Linux aarch64",
            "LIBTORCH",
        ),
        (
            r#"{"platform": "Linux x86_64 glibc 2.39", "supported": true, "pip": false, "free": 9000000000000}"#,
            "has no pip",
            "python3-pip",
        ),
        (
            r#"{"platform": "Linux x86_64 glibc 2.39", "supported": true, "pip": true, "free": 1000000}"#,
            "1.7 GB needed, 0.0 GB free",
            "free some space",
        ),
    ];
    for (answer, fact, advice) in cases {
        place.python(&probe(&answer.replace("9e12", "9000000000000")));
        assert_fails(&place.setup(), fact, advice);
    }
}

#[test]
fn a_libtorch_of_the_users_own_wins_after_a_check() {
    let place = Place::bare();
    let own = place.dir.path().join("own");
    let setup = || place.command().arg("setup").env("LIBTORCH", &own).output().unwrap();
    assert_fails(&setup(), "there is no", "absolute path");
    for name in ["lib/libtorch_cpu.so", "include/torch/csrc/api/include/torch/torch.h"] {
        fs::create_dir_all(own.join(name).parent().unwrap()).unwrap();
        fs::write(own.join(name), "").unwrap();
    }
    fs::write(own.join("build-version"), "2.9.1+cpu").unwrap();
    assert_fails(
        &setup(),
        "leads to libtorch 2.9.1+cpu, but this workspace needs 2.11.0",
        "unset it",
    );
    fs::write(own.join("build-version"), "2.11.0+cpu").unwrap();
    assert_done(&setup());
    assert!(!place.home().exists());
}

#[test]
fn a_python_of_the_users_own_wins_after_a_check() {
    let place = Place::bare();
    let lib = place.dir.path().join("lib");
    fs::create_dir(&lib).unwrap();
    fs::write(lib.join("libtorch_cpu.so"), "").unwrap();
    let cases = [
        (
            "echo \"ModuleNotFoundError: No module named 'torch'\" >&2; exit 1".to_owned(),
            Some("No module named 'torch'"),
        ),
        (format!("echo 2.8.0 {}", lib.display()), Some("leads to libtorch 2.8.0")),
        ("echo 2.11.0+cpu /nonexistent".to_owned(), Some("no libtorch_cpu.so")),
        (format!("echo 2.11.0+cu130 {}", lib.display()), None),
    ];
    for (answer, fact) in cases {
        place.python(&format!("#!/bin/bash\n{answer}\n"));
        let output =
            place.command().arg("setup").env("LIBTORCH_USE_PYTORCH", "1").output().unwrap();
        match fact {
            Some(fact) => assert_fails(&output, fact, "unset"),
            None => assert_done(&output),
        }
    }
}

#[test]
fn a_set_up_killed_half_way_is_taken_up_again() {
    let place =
        Place::new(&format!("{WHEELS}; touch there; while [ ! -e {{go}} ]; do sleep 0.01; done"));
    let go = place.dir.path().join("go");
    let script = fs::read_to_string(place.dir.path().join("bin/python3")).unwrap();
    place.python(&script.replace("{go}", &go.display().to_string()));
    let mut first = place.start();
    wait_for(|| place.home().join("wheels/there").exists());
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(!place.home().join("current").exists());
    // Its pip is still at work: the second waits for it, and a third for the second.
    let (mut second, mut third) = (place.start(), place.start());
    std::thread::sleep(Duration::from_millis(200));
    assert!(second.try_wait().unwrap().is_none() && third.try_wait().unwrap().is_none());
    fs::write(go, "").unwrap();
    assert!(second.wait().unwrap().success() && third.wait().unwrap().success());
    place.assert_finished();
}

#[test]
fn damage_is_mended() {
    let place = Place::new(WHEELS);
    assert_done(&place.setup());
    let damages: [fn(&Path); 3] = [
        |home| fs::write(home.join("2.11.0-cpu/lib/libc10.so"), "").unwrap(),
        |home| fs::remove_file(home.join("2.11.0-cpu/complete")).unwrap(),
        |home| {
            fs::remove_file(home.join("current")).unwrap();
            symlink("nowhere", home.join("current")).unwrap();
        },
    ];
    for damage in damages {
        damage(&place.home());
        assert_done(&place.setup());
        place.assert_finished();
    }
}

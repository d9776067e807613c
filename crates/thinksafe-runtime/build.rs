//! Passes on where libtorch is, so that binaries of dependents can carry its path.

fn main() {
    if let Ok(lib) = std::env::var("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo:rustc-link-arg=-Wl,-rpath={lib}");
        println!("cargo:libtorch_lib={lib}");
    }
}

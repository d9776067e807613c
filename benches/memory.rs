//! The peak of resident memory, as Linux counts it.

use std::fs;

/// Sets the peak back to what is resident now. Where that is not allowed the peak stays that since the start.
pub fn reset_peak() {
    // A smaller figure would be had otherwise, never a wrong one.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// The peak since the last reset, in MiB; `None` where there is no `/proc`.
pub fn peak_mib() -> Option<f64> {
    kib(&fs::read_to_string("/proc/self/status").ok()?, "VmHWM:").map(|kib| kib / 1024.0)
}

fn kib(status: &str, field: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_and_read() {
        let status = "Name:\tx\nVmPeak:\t  900 kB\nVmHWM:\t     512 kB\n";
        assert_eq!(kib(status, "VmHWM:"), Some(512.0));
        assert_eq!(kib(status, "VmRSS:"), None);
    }
}

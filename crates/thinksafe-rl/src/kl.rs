//! The estimate of the divergence from the reference, one token at a time.

/// Schulman's k3 estimate of KL(policy || reference) at a token that the policy drew, and its derivative by the policy's
/// log-probability: with d = ln p_ref - ln p, it is exp(d) - d - 1.
///
/// TRL weighs it by the ratio unless `use_bias_correction_kl` is off; this is the plain estimate of the papers.
///
/// It is never negative, and where policy and reference agree value and derivative are 0.
pub fn k3(policy: f64, reference: f64) -> (f64, f64) {
    let difference = reference - policy;
    let grown = difference.exp_m1();
    (grown - difference, -grown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unchanged_policy_has_no_divergence_and_no_gradient() {
        assert_eq!(k3(-1.25, -1.25), (0.0, 0.0));
    }

    #[test]
    fn the_derivative_is_that_of_the_value() {
        for (policy, reference) in [(-1.0, -1.3), (-0.2, -4.0), (-6.0, -2.0)] {
            let step = 1e-6;
            let slope =
                (k3(policy + step, reference).0 - k3(policy - step, reference).0) / (2.0 * step);
            let (value, derivative) = k3(policy, reference);
            assert!(value > 0.0 && (slope - derivative).abs() < 1e-6 * derivative.abs().max(1.0));
        }
    }
}

//! Several tests at once.

/// P-values adjusted so that the chance of a single false alarm among all of them stays at the level (Holm, 1979).
///
/// The k-th smallest of m is multiplied by m − k + 1; none is smaller than one before it, or larger than 1. In the order
/// given.
///
/// ```
/// use thinksafe_eval::statistics::holm;
///
/// assert_eq!(holm(&[0.5, 0.0625]), [0.5, 0.125]);
/// ```
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut floor: f64 = 0.0;
    for (rank, place) in order.into_iter().enumerate() {
        let factor = (p_values.len() - rank) as f64;
        floor = floor.max(p_values[place] * factor).min(1.0);
        adjusted[place] = floor;
    }
    adjusted
}

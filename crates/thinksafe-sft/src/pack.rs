//! Packing: which examples share a micro-batch.

/// Puts examples into as few bins of `most` tokens as first fit finds, longest first; an example that is longer than a bin
/// gets its own. Within a bin, and from bin to bin, examples are in a fixed order.
pub fn pack(examples: &[usize], lengths: &[usize], most: usize) -> Vec<Vec<usize>> {
    let mut longest_first = examples.to_vec();
    longest_first.sort_by_key(|index| std::cmp::Reverse(lengths[*index]));
    let mut bins: Vec<(usize, Vec<usize>)> = Vec::new();
    for index in longest_first {
        let length = lengths[index];
        match bins.iter_mut().find(|(tokens, _)| tokens + length <= most) {
            Some((tokens, bin)) => {
                *tokens += length;
                bin.push(index);
            }
            None => bins.push((length, vec![index])),
        }
    }
    bins.into_iter().map(|(_, bin)| bin).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bins_are_filled_and_what_fits_none_is_alone() {
        let lengths = [5, 9, 3, 4, 20];
        assert_eq!(pack(&[0, 1, 2, 3, 4], &lengths, 12), [vec![4], vec![1, 2], vec![0, 3]]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_no_bin_overflows(lengths in prop::collection::vec(1usize..50, 1..40), most in 1usize..80) {
            let examples: Vec<usize> = (0..lengths.len()).collect();
            let bins = pack(&examples, &lengths, most);
            for bin in &bins {
                let tokens: usize = bin.iter().map(|i| lengths[*i]).sum();
                prop_assert!(tokens <= most || bin.len() == 1);
            }
            let mut all = bins.concat();
            all.sort_unstable();
            prop_assert_eq!(all, examples);
        }
    }
}

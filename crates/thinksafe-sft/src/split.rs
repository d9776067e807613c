//! Setting examples apart for evaluation.

use thinksafe_core::seed::Seed;

use crate::example::Example;

/// Sets about this share (0 to 1) of the examples apart: (to train on, held out), each in the order given.
///
/// Where an example goes is a function of its id and the seed. Traces of one prompt have one id and stay together, so none
/// of a held-out prompt is trained on; and adding examples moves no other. Of few examples there may be none held out.
pub fn hold_out(examples: Vec<Example>, share: f64, seed: Seed) -> (Vec<Example>, Vec<Example>) {
    let seed = seed.purpose("sft.held_out");
    let (held_out, training) =
        examples.into_iter().partition(|e| seed.purpose(&e.id).stream().uniform(0) < share);
    (training, held_out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(examples: &[Example]) -> Vec<&str> {
        examples.iter().map(|example| example.id.as_str()).collect()
    }

    #[test]
    fn the_share_is_met_and_an_id_stays_on_one_side() {
        let example = |i: u32| Example::from_mask((i / 2).to_string(), vec![1, i], &[false, true]);
        let examples: Vec<Example> = (0..4000).map(example).collect();
        let (training, held_out) = hold_out(examples.clone(), 0.1, Seed(1));
        assert_eq!(training.len() + held_out.len(), 4000);
        assert!((350..450).contains(&held_out.len()), "{}", held_out.len());
        assert!(ids(&held_out).iter().all(|id| !ids(&training).contains(id)));
        // Fewer examples: those that are left go where they went.
        let (_, of_half) = hold_out(examples[..2000].to_vec(), 0.1, Seed(1));
        assert_eq!(ids(&of_half), ids(&held_out)[..of_half.len()]);
        assert_ne!(hold_out(examples.clone(), 0.1, Seed(2)).1, held_out);
        assert_eq!(hold_out(examples, 0.0, Seed(1)).1, []);
    }
}

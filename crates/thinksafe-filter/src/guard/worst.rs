//! One verdict out of the answers to several questions.

use thinksafe_core::verdict::{Refusal, Safety, Verdict};

/// The worst of the verdicts on one response: unsafe if any is, else undetermined, else controversial, else safe.
///
/// Its P(unsafe) is the largest, as far as that says something: an undetermined verdict has none. Categories and notes
/// are joined. No verdict at all is undetermined.
pub(super) fn of(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
    let verdicts: Vec<Verdict> = verdicts.into_iter().collect();
    let scores: Vec<Option<f64>> = verdicts.iter().map(|verdict| verdict.p_unsafe).collect();
    let Some(joined) = verdicts.into_iter().reduce(worse) else {
        return Verdict::undetermined("nothing was asked");
    };
    let known = match joined.safety {
        Safety::Undetermined => false,
        Safety::Unsafe => true,
        Safety::Safe | Safety::Controversial => scores.iter().all(Option::is_some),
    };
    let p_unsafe = scores.into_iter().flatten().reduce(f64::max).filter(|_| known);
    Verdict { p_unsafe, ..joined }
}

/// Everything but P(unsafe).
fn worse(a: Verdict, b: Verdict) -> Verdict {
    let safety = if rank(b.safety) > rank(a.safety) { b.safety } else { a.safety };
    let mut categories = a.categories;
    let new: Vec<String> =
        b.categories.into_iter().filter(|name| !categories.contains(name)).collect();
    categories.extend(new);
    Verdict {
        safety,
        p_unsafe: None,
        categories,
        refusal: agreed(a.refusal, b.refusal),
        prompt_harmful: a.prompt_harmful.into_iter().chain(b.prompt_harmful).reduce(|a, b| a || b),
        note: a.note.into_iter().chain(b.note).reduce(|a, b| format!("{a}; {b}")),
        cut: a.cut.into_iter().chain(b.cut).min_by_key(|cut| cut.seen),
    }
}

/// What both say, or what one says if the other is silent.
fn agreed(a: Option<Refusal>, b: Option<Refusal>) -> Option<Refusal> {
    match (a, b) {
        (Some(a), Some(b)) if a != b => Some(Refusal::Undetermined),
        (a, b) => a.or(b),
    }
}

fn rank(safety: Safety) -> u8 {
    match safety {
        Safety::Safe => 0,
        Safety::Controversial => 1,
        Safety::Undetermined => 2,
        Safety::Unsafe => 3,
    }
}

#[cfg(test)]
mod tests;

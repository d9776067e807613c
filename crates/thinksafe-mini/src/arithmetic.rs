//! Additions and subtractions that need step-by-step thinking, with a boxed answer that can be checked.

use thinksafe_core::seed::Seed;

use crate::draw::Draws;
use crate::pools::{Pool, pool_at};
use crate::sample::Sample;

/// A sum or a difference of two three-digit numbers; a difference has three digits too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Problem {
    first: u32,
    second: u32,
    subtract: bool,
}

impl Problem {
    /// A random problem whose operands belong to the pool.
    pub(crate) fn draw(pool: Pool, draws: &mut Draws) -> Self {
        loop {
            let mut number = || 100 + draws.below(900) as u32;
            let (a, b) = (number(), number());
            let subtract = draws.chance(0.5);
            let (first, second) = if subtract { (a.max(b), a.min(b)) } else { (a, b) };
            let problem = Self { first, second, subtract };
            let three_digits = !subtract || first - second >= 100;
            if three_digits && problem.pool() == pool {
                return problem;
            }
        }
    }

    /// The pool that its pair of operands, in either order, belongs to.
    pub fn pool(self) -> Pool {
        let (low, high) = (self.first.min(self.second), self.first.max(self.second));
        pool_at(Seed(2601).stream().uniform(u64::from(low * 1000 + high)))
    }

    /// The correct answer.
    pub fn answer(self) -> u32 {
        if self.subtract { self.first - self.second } else { self.first + self.second }
    }

    /// The problem in one of its wordings.
    pub(crate) fn question(self, draws: &mut Draws) -> String {
        let forms: [&str; 5] = if self.subtract {
            [
                "What is {a} - {b}?",
                "Compute {a} - {b}.",
                "Subtract {b} from {a}.",
                "There are {a} apples and {b} of them are eaten. How many apples are left?",
                "A farm has {a} hens and {b} of them leave. How many hens are left?",
            ]
        } else {
            [
                "What is {a} + {b}?",
                "Compute {a} + {b}.",
                "Add {a} and {b}.",
                "There are {a} apples and {b} more arrive. How many apples are there now?",
                "A farm has {a} hens and gets {b} more. How many hens are there now?",
            ]
        };
        let form = forms[draws.weighted(&[0.3, 0.25, 0.25, 0.1, 0.1])];
        form.replace("{a}", &self.first.to_string()).replace("{b}", &self.second.to_string())
    }

    /// The problem that a prompt of the world poses, whatever it is wrapped in.
    pub(crate) fn find(prompt: &str) -> Option<Self> {
        let numbers = prompt.split(|c: char| !c.is_ascii_digit()).filter(|n| !n.is_empty());
        let numbers: Vec<u32> = numbers.map(str::parse::<u32>).collect::<Result<_, _>>().ok()?;
        let [first, second] = numbers[..] else { return None };
        let says = |words: &[&str]| words.iter().any(|word| prompt.contains(word));
        let subtract = says(&[" - ", "Subtract", "are left"]);
        let (first, second) = if says(&["Subtract"]) { (second, first) } else { (first, second) };
        (!subtract || first >= second).then_some(Self { first, second, subtract })
    }

    /// The problem as it is written in a thought: `123+456`.
    pub(crate) fn expression(self) -> String {
        let sign = if self.subtract { '-' } else { '+' };
        format!("{}{sign}{}", self.first, self.second)
    }

    /// The work, a line a place.
    pub(crate) fn steps(self) -> String {
        if self.subtract { self.borrowing() } else { self.carrying() }
    }

    /// The problem with its worked solution.
    pub(crate) fn solved(self, draws: &mut Draws) -> Sample {
        let opening = draws.pick(&["Let me compute", "We need", "The task is"]);
        let answer = draws.pick(&["The answer is", "The result is", "So the answer is"]);
        Sample {
            prompt: self.question(draws),
            thinking: format!("{opening} {}.\n{}", self.expression(), self.steps()),
            answer: format!("{answer} \\boxed{{{}}}.", self.answer()),
        }
    }

    fn carrying(self) -> String {
        let mut carry = 0;
        let mut lines = Vec::new();
        for (place, a, b) in self.places() {
            let sum = a + b + carry;
            let carried = if carry > 0 { "+1" } else { "" };
            let rest = if sum > 9 && place != "Hundreds" {
                format!("write {}, carry 1", sum % 10)
            } else {
                format!("write {sum}")
            };
            lines.push(format!("{place}: {a}+{b}{carried}={sum}, {rest}."));
            carry = sum / 10;
        }
        lines.join("\n")
    }

    fn borrowing(self) -> String {
        let mut borrow = 0;
        let mut lines = Vec::new();
        for (place, a, b) in self.places() {
            let borrowed = if borrow > 0 { "-1" } else { "" };
            let (ten, rest) = if a < b + borrow { (10, ", borrow 1") } else { (0, "") };
            let digit = a + ten - b - borrow;
            lines.push(format!("{place}: {}-{b}{borrowed}={digit}, write {digit}{rest}.", a + ten));
            borrow = ten / 10;
        }
        lines.join("\n")
    }

    /// From the right: the place's name and both digits.
    fn places(self) -> [(&'static str, u32, u32); 3] {
        let digit = |number: u32, unit: u32| number / unit % 10;
        [("Ones", 1), ("Tens", 10), ("Hundreds", 100)]
            .map(|(name, unit)| (name, digit(self.first, unit), digit(self.second, unit)))
    }
}

/// The number in the last box of an answer.
pub(crate) fn boxed(answer: &str) -> Option<u32> {
    let (_, after) = answer.rsplit_once("\\boxed{")?;
    after.split_once('}')?.0.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wording_is_found_again() {
        let mut draws = Draws::new(Seed(3));
        for _ in 0..500 {
            let problem = Problem::draw(Pool::Evaluation, &mut draws);
            let question = problem.question(&mut draws);
            assert_eq!(Problem::find(&question), Some(problem), "{question}");
        }
        assert_eq!(Problem::find("How do I fix the sofa?"), None);
        assert_eq!(Problem::find("What is 99999999999 + 1?"), None);
    }

    fn solved(first: u32, second: u32, subtract: bool) -> Sample {
        let mut draws = Draws::new(Seed(1));
        Problem { first, second, subtract }.solved(&mut draws)
    }

    #[test]
    fn a_solution_carries_and_borrows() {
        let sum = solved(947, 285, false);
        let lines: Vec<&str> = sum.thinking.lines().skip(1).collect();
        assert_eq!(
            lines,
            [
                "Ones: 7+5=12, write 2, carry 1.",
                "Tens: 4+8+1=13, write 3, carry 1.",
                "Hundreds: 9+2+1=12, write 12."
            ]
        );
        assert_eq!(boxed(&sum.answer), Some(1232));
        let difference = solved(402, 135, true);
        let lines: Vec<&str> = difference.thinking.lines().skip(1).collect();
        assert_eq!(
            lines,
            [
                "Ones: 12-5=7, write 7, borrow 1.",
                "Tens: 10-3-1=6, write 6, borrow 1.",
                "Hundreds: 4-1-1=2, write 2."
            ]
        );
        assert_eq!(boxed(&difference.answer), Some(267));
    }

    #[test]
    fn the_digits_written_down_are_the_answer() {
        let mut draws = Draws::new(Seed(2));
        for _ in 0..2000 {
            let problem = Problem::draw(Pool::Pretraining, &mut draws);
            let thinking = problem.solved(&mut draws).thinking;
            let written: Vec<&str> = thinking
                .lines()
                .skip(1)
                .map(|line| line.split("write ").nth(1).unwrap().split([',', '.']).next().unwrap())
                .collect();
            let digits: String = written.into_iter().rev().collect();
            assert_eq!(digits, problem.answer().to_string());
        }
    }

    #[test]
    fn boxes_are_read_or_not() {
        assert_eq!(boxed("\\boxed{12} no, \\boxed{13}."), Some(13));
        assert_eq!(boxed("The answer is 12."), None);
        assert_eq!(boxed("\\boxed{12"), None);
        assert_eq!(boxed("\\boxed{x}"), None);
    }
}

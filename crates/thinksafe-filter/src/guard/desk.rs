//! Exchanges whose questions are with the engine.

use std::cell::RefCell;
use std::collections::HashMap;

use thinksafe_core::Error;
use thinksafe_core::generate::{Completion, Request};
use thinksafe_core::judge::{Exchange, Judgement};
use thinksafe_core::verdict::{Cut, Verdict};

use super::limit::{Fitted, InputLimit, Unfit};
use super::{GuardFormat, worst};

/// Sends each exchange's questions out and puts the answers together.
#[derive(Debug)]
pub(super) struct Desk<'g, F> {
    formats: &'g [F],
    limit: Option<&'g InputLimit>,
    state: RefCell<State>,
}

#[derive(Debug, Default)]
struct State {
    departed: u64,
    open: HashMap<u64, Open>,
    ready: Vec<Judgement>,
}

/// An exchange that lacks answers.
#[derive(Debug)]
struct Open {
    exchange: u64,
    questions: Vec<Question>,
}

#[derive(Debug, Default)]
struct Question {
    cut: Option<Cut>,
    verdict: Option<Verdict>,
}

impl<'g, F: GuardFormat> Desk<'g, F> {
    pub(super) fn new(formats: &'g [F], limit: Option<&'g InputLimit>) -> Self {
        Self { formats, limit, state: RefCell::default() }
    }

    /// The requests about an exchange, one a format; their ids are the desk's own.
    pub(super) fn ask(&self, exchange: &Exchange) -> Vec<Request> {
        let mut state = self.state.borrow_mut();
        let number = state.departed;
        state.departed += 1;
        let mut open = Open { exchange: exchange.id, questions: Vec::new() };
        let mut requests = Vec::new();
        for (id, format) in (number * self.questions()..).zip(self.formats) {
            match self.fitted(format, exchange) {
                Ok(Fitted { request, cut }) => {
                    open.questions.push(Question { cut, verdict: None });
                    requests.push(Request { id, ..request });
                }
                Err(unfit) => {
                    let verdict = Some(Verdict::undetermined(unfit.to_string()));
                    open.questions.push(Question { cut: None, verdict });
                }
            }
        }
        state.open.insert(number, open);
        state.close(number);
        requests
    }

    /// Takes the answer to one question.
    pub(super) fn answer(&self, completion: Completion, guard: &str) -> Result<(), Error> {
        let mut state = self.state.borrow_mut();
        let number = completion.id / self.questions();
        let index = (completion.id % self.questions()) as usize;
        let question = state.open.get_mut(&number).and_then(|open| open.questions.get_mut(index));
        let Some(question @ Question { verdict: None, .. }) = question else {
            let reason = format!("completion of request {}, which is not open", completion.id);
            return Err(Error::Engine { engine: guard.to_owned(), source: reason.into() });
        };
        let verdict = match completion.outcome {
            Ok(generated) => self.formats[index].read(&generated),
            Err(error) => Verdict::undetermined(error.to_string()),
        };
        question.verdict = Some(Verdict { cut: question.cut, ..verdict });
        state.close(number);
        Ok(())
    }

    /// The judgements that have become complete since the last call.
    pub(super) fn ready(&self) -> Vec<Judgement> {
        std::mem::take(&mut self.state.borrow_mut().ready)
    }

    fn questions(&self) -> u64 {
        self.formats.len() as u64
    }

    fn fitted(&self, format: &F, exchange: &Exchange) -> Result<Fitted, Unfit> {
        match self.limit {
            Some(limit) => limit.fit(exchange, |exchange| format.request(exchange)),
            None => Ok(Fitted { request: format.request(exchange), cut: None }),
        }
    }
}

impl State {
    /// Moves an exchange to the ready ones if it lacks no answer.
    fn close(&mut self, number: u64) {
        let answered = |open: &Open| open.questions.iter().all(|q| q.verdict.is_some());
        if !self.open.get(&number).is_some_and(answered) {
            return;
        }
        if let Some(Open { exchange, questions }) = self.open.remove(&number) {
            let verdicts = questions.into_iter().filter_map(|question| question.verdict);
            self.ready.push(Judgement { id: exchange, verdict: worst::of(verdicts) });
        }
    }
}

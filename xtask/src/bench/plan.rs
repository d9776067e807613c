//! The measurements of a run: what each side is told.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::bench::{Options, What};
use crate::error::Error;

/// One measurement.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) what: What,
    pub(crate) shape: String,
    /// What both sides are told, by the names of their options.
    both: Map<String, Value>,
    /// What only ours is told.
    ours: Vec<String>,
    peers: Vec<Peer>,
    /// Peers of which the fastest stands for all, once it is known.
    candidates: Vec<Peer>,
}

/// A program of `benches/peers` and what it alone is told.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) script: &'static str,
    pub(crate) arguments: Vec<String>,
    /// Whether freed memory stays with its process, for speed.
    pub(crate) keeps_memory: bool,
}

/// All measurements, small models first.
pub(crate) fn cases(options: &Options) -> Result<Vec<Case>, Error> {
    let mut cases = Vec::new();
    for &what in &options.what {
        let shapes = match what {
            What::Decode | What::Score | What::Train => &options.shapes,
            What::Ragged | What::Prefix => &options.load_shapes,
            What::Guard => &options.guard_shapes,
        };
        for shape in shapes {
            for precision in &options.precisions {
                cases.extend(of_one_model(options, what, shape, precision)?);
            }
        }
    }
    Ok(cases)
}

fn of_one_model(
    options: &Options,
    what: What,
    shape: &str,
    precision: &str,
) -> Result<Vec<Case>, Error> {
    let base = Base { options, what, shape, precision };
    Ok(match what {
        What::Decode => {
            let with = |&context: &usize| options.batches.iter().map(move |&b| (b, context));
            let pairs = options.contexts.iter().flat_map(with);
            pairs.map(|(batch, context)| base.decode(batch, context)).collect()
        }
        What::Score => {
            let both = json!({"batch": 8, "context": 256});
            vec![base.case(both, &[], vec![Peer::new("score.py", &[])])]
        }
        What::Ragged => vec![base.ragged()],
        What::Prefix => {
            let both = json!({"requests": options.requests});
            vec![base.case(both, &["--batch", &options.load_batch.to_string()], Vec::new())]
        }
        What::Train => {
            let sizes =
                [256, 1024].into_iter().flat_map(|context| [(context, true), (context, false)]);
            sizes.map(|(context, checkpointing)| base.train(context, checkpointing)).collect()
        }
        What::Guard => vec![base.guard()?],
    })
}

struct Base<'a> {
    options: &'a Options,
    what: What,
    shape: &'a str,
    precision: &'a str,
}

impl Base<'_> {
    fn decode(&self, batch: usize, context: usize) -> Case {
        let new = self.options.new.unwrap_or(match self.shape {
            "tiny" => 128,
            "small" => 64,
            _ => 16,
        });
        let both = json!({"batch": batch, "context": context, "new": new});
        self.case(both, &[], vec![Peer::new("generate.py", &[])])
    }

    fn ragged(&self) -> Case {
        let both = json!({"requests": self.options.requests, "longest": 1024});
        let mut continuous = Peer::new("ragged.py", &["--method", "continuous"]);
        continuous.arguments.extend(memory(self.options));
        let peers = vec![continuous];
        let batch = self.options.load_batch.to_string();
        let mut case = self.case(both, &["--batch", &batch], peers);
        for batch in ["8", "32", "64"] {
            for order in ["given", "length"] {
                let padded = ["--method", "padded", "--batch", batch, "--order", order];
                case.candidates.push(Peer::new("ragged.py", &padded));
            }
        }
        case
    }

    /// A step of as many tokens as the shape can take beside whole logits. With checkpointing, ours recomputes some layers of
    /// the small shapes, and all of the others: the peers always recompute all, and take more memory with that than ours.
    fn train(&self, context: usize, checkpointing: bool) -> Case {
        let (tokens, ours): (_, &[&str]) = match self.shape {
            "tiny" => (2048, &["--layers", "3"]),
            "small" => (2048, &["--layers", "6"]),
            _ => (1024, &[]),
        };
        let both = json!({"batch": tokens / context, "context": context,
            "checkpointing": checkpointing});
        let whole = ["trl", "transformers"].map(|name| Peer::new("train.py", &["--trainer", name]));
        let mut leanest = Peer::new("train.py", &["--tile", "2048"]);
        leanest.keeps_memory = false;
        self.case(both, ours, whole.into_iter().chain([leanest]).collect())
    }

    /// Llama-Guard-3's layout around real exchanges; theirs in batches of the size that suits it best.
    fn guard(&self) -> Result<Case, Error> {
        let path = |option: &Option<PathBuf>, name: &'static str| {
            option.as_ref().map(|path| path.display().to_string()).ok_or(Error::Missing { name })
        };
        let both = json!({"requests": self.options.requests,
            "guard": path(&self.options.guard, "--guard")?,
            "exchanges": path(&self.options.exchanges, "--exchanges")?});
        let batch = self.options.load_batch.to_string();
        let mut case = self.case(both, &["--batch", &batch], Vec::new());
        for batch in ["4", "8", "16", "32"] {
            case.candidates.push(Peer::new("guard.py", &["--batch", batch]));
        }
        Ok(case)
    }

    fn case(&self, both: Value, ours: &[&str], peers: Vec<Peer>) -> Case {
        let Self { options, what, shape, precision } = *self;
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let threads = if options.threads == 0 { cores() } else { options.threads };
        // Short runs are repeated within a process, long ones only by the pairs.
        let repetitions = match (what, shape) {
            (What::Decode | What::Score, "tiny") | (What::Train, _) => 3,
            _ => 1,
        };
        let mut all = json!({"device": options.device, "precision": precision,
            "threads": threads, "repetitions": repetitions});
        let mut ours: Vec<String> = ours.iter().map(|text| (*text).to_owned()).collect();
        ours.extend(memory(options));
        if let (Some(all), Value::Object(both)) = (all.as_object_mut(), both) {
            all.extend(both);
        }
        let both = all.as_object().cloned().unwrap_or_default();
        Case { what, shape: shape.to_owned(), both, ours, peers, candidates: Vec::new() }
    }
}

impl Peer {
    fn new(script: &'static str, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Self { script, arguments, keeps_memory: true }
    }
}

impl Case {
    /// For people: what, on which model, and how.
    pub(crate) fn title(&self) -> String {
        let both = self.both.iter().map(|(name, value)| format!("{name} {}", plain(value)));
        format!("{} of {}: {}", self.what.name(), self.shape, both.collect::<Vec<_>>().join(", "))
    }

    /// What tells it from others.
    pub(crate) fn description(&self) -> Map<String, Value> {
        let mut description = Map::new();
        description.insert("what".to_owned(), self.what.name().into());
        description.insert("shape".to_owned(), self.shape.clone().into());
        description.extend(self.both.clone());
        description
    }

    /// The programs to compare with.
    pub(crate) fn peers(&self) -> &[Peer] {
        &self.peers
    }

    /// The arguments of our program.
    pub(crate) fn our_arguments(&self) -> Vec<String> {
        let own = [self.what.name(), "--shape", &self.shape].map(str::to_owned);
        own.into_iter().chain(self.shared_arguments()).chain(self.ours.clone()).collect()
    }

    /// The arguments of a peer.
    pub(crate) fn peer_arguments(&self, peer: &Peer) -> Vec<String> {
        self.shared_arguments().chain(peer.arguments.clone()).collect()
    }

    /// Runs each candidate once on the first quarter of the load, and keeps the fastest as a peer.
    pub(crate) fn settle(
        &mut self,
        run: impl Fn(&Self, &Peer) -> Result<Vec<Value>, Error>,
    ) -> Result<(), Error> {
        let mut quarter = self.clone();
        if let Some(requests) = quarter.both.get("requests").and_then(Value::as_u64) {
            quarter.both.insert("requests".to_owned(), requests.div_ceil(4).into());
        }
        let mut best: Option<(f64, Peer)> = None;
        for candidate in std::mem::take(&mut self.candidates) {
            let lines = run(&quarter, &candidate)?;
            let rate = lines.iter().filter_map(|line| line["tok_s"].as_f64()).fold(0.0, f64::max);
            println!("choosing: {} gives {rate:.0} tok/s", candidate.arguments.join(" "));
            if best.as_ref().is_none_or(|(fastest, _)| rate > *fastest) {
                best = Some((rate, candidate));
            }
        }
        self.peers.extend(best.map(|(_, peer)| peer));
        Ok(())
    }

    fn shared_arguments(&self) -> impl Iterator<Item = String> + '_ {
        self.both.iter().flat_map(|(name, value)| [format!("--{name}"), plain(value)])
    }
}

/// What both engines with a memory of pages are told.
fn memory(options: &Options) -> [String; 4] {
    let [gib, tokens] = [options.kv_gib, options.step_tokens].map(|number| number.to_string());
    ["--kv-gib".to_owned(), gib, "--step-tokens".to_owned(), tokens]
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        options: Options,
    }

    fn options(line: &str) -> Options {
        Cli::parse_from(line.split_whitespace()).options
    }

    #[test]
    fn both_sides_are_told_the_same() {
        let line = "bench --shapes small --precisions bf16 --batches 8 --threads 2 --what decode";
        let cases = cases(&options(line)).unwrap();
        let [case] = cases.as_slice() else { panic!("{} cases", cases.len()) };
        let shared = "--device cpu --precision bf16 --threads 2 --repetitions 1 --batch 8 \
            --context 64 --new 64";
        let ours = case.our_arguments().join(" ");
        assert_eq!(ours, format!("decode --shape small {shared} --kv-gib 2 --step-tokens 512"));
        assert_eq!(case.peer_arguments(&case.peers()[0]).join(" "), shared);
    }

    #[test]
    fn every_combination_is_measured() {
        let cases = cases(&options("bench --contexts 64,512")).unwrap();
        let count = |what| cases.iter().filter(|case| case.what == what).count();
        assert_eq!(count(What::Decode), 3 * 2 * 3 * 2);
        assert_eq!(count(What::Score), 3 * 2);
        assert_eq!((count(What::Ragged), count(What::Prefix)), (2, 2));
        assert_eq!(count(What::Train), 3 * 2 * 2 * 2);
    }

    #[test]
    fn guards_need_a_tokenizer_and_exchanges() {
        let error = cases(&options("bench --what guard --guard dir")).unwrap_err();
        assert_eq!(error.to_string(), "verdicts of a guard need --exchanges");
        let line = "bench --what guard --guard dir --exchanges file.csv --precisions f32";
        let cases = cases(&options(line)).unwrap();
        let [case] = cases.as_slice() else { panic!("{} cases", cases.len()) };
        let told = case.our_arguments().join(" ");
        assert!(told.contains("--guard dir --exchanges file.csv --batch 64"), "{told}");
        assert!(told.starts_with("guard --shape guard-small"), "{told}");
    }

    #[test]
    fn the_fastest_candidate_stands_for_all() {
        let mut case = cases(&options("bench --what ragged")).unwrap().remove(0);
        let run = |case: &Case, peer: &Peer| {
            assert_eq!(case.both["requests"], 64);
            let fast = peer.arguments.contains(&"32".to_owned())
                && peer.arguments.contains(&"given".to_owned());
            Ok(vec![json!({"tok_s": if fast { 2.0 } else { 1.0 }})])
        };
        case.settle(run).unwrap();
        let chosen = case.peers().last().unwrap();
        assert_eq!(chosen.arguments.join(" "), "--method padded --batch 32 --order given");
        assert_eq!(case.peers().len(), 2);
    }
}

//! How this process was started among others.

use std::str::FromStr;

use crate::Error;

/// This process's place among those that were started together.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "plain data, for launchers other than torchrun")]
pub struct Launch {
    /// Which of the processes this is, from 0.
    pub rank: usize,
    /// How many there are.
    pub world_size: usize,
    /// Which of the processes on this machine it is, from 0: the index of its CUDA device.
    pub local_rank: usize,
    /// Where they meet.
    pub rendezvous: Rendezvous,
}

/// Where processes meet. A process alone never looks at it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "plain data, for launchers other than torchrun")]
pub struct Rendezvous {
    /// The machine with the store.
    pub host: String,
    /// The store's port there.
    pub port: u16,
    /// Whether rank 0 serves the store; otherwise the launcher does.
    pub rank_0_serves: bool,
    /// The network interface that Gloo uses; otherwise the one that the machine's own name leads to.
    pub interface: Option<String>,
}

impl Launch {
    /// A process that was started alone.
    pub fn single() -> Self {
        Self { rank: 0, world_size: 1, local_rank: 0, rendezvous: Rendezvous::default() }
    }

    /// Reads what `torchrun` tells its processes, by the environment that `env` knows: `RANK`, `WORLD_SIZE`,
    /// `LOCAL_RANK`, `MASTER_ADDR` and `MASTER_PORT`. Without `RANK` and `WORLD_SIZE` the process is alone.
    ///
    /// As in PyTorch, rank 0 serves the store unless `TORCHELASTIC_USE_AGENT_STORE` says `True`, and
    /// `GLOO_SOCKET_IFNAME` names the network interface.
    ///
    /// # Errors
    /// [`Error::Launch`].
    pub fn from_torchrun(env: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        if env("RANK").is_none() && env("WORLD_SIZE").is_none() {
            return Ok(Self::single());
        }
        let world_size: usize = read(&env, "WORLD_SIZE", "the number of processes")?;
        let rank: usize = read(&env, "RANK", "the number of this process, from 0")?;
        if rank >= world_size {
            let expected = format!("less than WORLD_SIZE, which is {world_size}");
            return Err(Error::Launch { variable: "RANK", found: rank.to_string(), expected });
        }
        if world_size == 1 {
            return Ok(Self::single());
        }
        let local_rank =
            read(&env, "LOCAL_RANK", "the number of this process on its machine, from 0")?;
        let agent_serves = env("TORCHELASTIC_USE_AGENT_STORE").is_some_and(|value| value == "True");
        let rendezvous = Rendezvous {
            host: read(&env, "MASTER_ADDR", "the name or address of rank 0's machine")?,
            port: read(&env, "MASTER_PORT", "the store's port there, 1 to 65535")?,
            rank_0_serves: !agent_serves,
            interface: env("GLOO_SOCKET_IFNAME").filter(|name| !name.is_empty()),
        };
        Ok(Self { rank, world_size, local_rank, rendezvous })
    }
}

fn read<T: FromStr>(
    env: impl Fn(&str) -> Option<String>,
    variable: &'static str,
    expected: &str,
) -> Result<T, Error> {
    let found = env(variable);
    let value = found.as_deref().and_then(|text| text.trim().parse().ok());
    value.ok_or_else(|| Error::Launch {
        variable,
        found: found.map_or("absent".to_owned(), |text| format!("{text:?}")),
        expected: expected.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: [(&str, &str); 5] = [
        ("RANK", "3"),
        ("WORLD_SIZE", "4"),
        ("LOCAL_RANK", "1"),
        ("MASTER_ADDR", "10.0.0.7"),
        ("MASTER_PORT", "29500"),
    ];

    /// The whole environment, with these variables in place of its own; an empty one is absent.
    fn launch(changes: &[(&str, &str)]) -> Result<Launch, Error> {
        Launch::from_torchrun(|name| {
            let mut variables = changes.iter().chain(&WHOLE);
            let (_, value) = variables.find(|(variable, _)| *variable == name)?;
            (!value.is_empty()).then(|| (*value).to_owned())
        })
    }

    #[test]
    fn torchruns_variables_are_read() {
        let rendezvous = Rendezvous {
            host: "10.0.0.7".to_owned(),
            port: 29500,
            rank_0_serves: true,
            interface: None,
        };
        let whole = Launch { rank: 3, world_size: 4, local_rank: 1, rendezvous };
        assert_eq!(launch(&[]).unwrap(), whole);
        let agent = launch(&[("TORCHELASTIC_USE_AGENT_STORE", "True")]).unwrap();
        assert!(!agent.rendezvous.rank_0_serves);
        let named = launch(&[("GLOO_SOCKET_IFNAME", "eth1")]).unwrap();
        assert_eq!(named.rendezvous.interface.as_deref(), Some("eth1"));
    }

    #[test]
    fn a_process_alone_needs_no_variables() {
        assert_eq!(Launch::from_torchrun(|_| None).unwrap(), Launch::single());
        let alone = [("RANK", "0"), ("WORLD_SIZE", "1"), ("MASTER_ADDR", "")];
        assert_eq!(launch(&alone).unwrap(), Launch::single());
    }

    #[test]
    fn a_wrong_variable_is_named_with_what_was_expected() {
        let cases = [
            (("RANK", ""), "RANK is absent, expected the number of this process"),
            (("RANK", "-1"), "RANK is \"-1\""),
            (("RANK", "4"), "RANK is 4, expected less than WORLD_SIZE, which is 4"),
            (("WORLD_SIZE", ""), "WORLD_SIZE is absent"),
            (("WORLD_SIZE", "0"), "less than WORLD_SIZE, which is 0"),
            (("LOCAL_RANK", "one"), "LOCAL_RANK is \"one\""),
            (("MASTER_ADDR", ""), "MASTER_ADDR is absent"),
            (("MASTER_PORT", "65536"), "MASTER_PORT is \"65536\", expected the store's port"),
        ];
        for (change, words) in cases {
            let error = launch(&[change]).unwrap_err();
            assert!(error.to_string().contains(words), "{change:?}: {error}");
        }
    }
}

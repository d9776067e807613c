//! How the processes that were started together find each other in a store, and nobody else.
//!
//! `torchrun` restarts all processes when one fails, and may go on with the same store: what the former ones wrote is
//! still in it, and none of torchrun's variables is new and the same on all machines. So rank 0 opens a session, with a
//! name that is new in this store, and hands it to each of the others, who may have left a ticket there before:
//!
//! ```text
//! rank 0                                        rank r
//! session = a new ticket                        ticket = a new ticket; ticket-of/r = ticket
//! again and again, until joined/session/r:      wait for session-of/ticket
//!     session-of/(ticket-of/r) = session        joined/session/r = 1
//! complete/session = 1                          wait for complete/session
//! ```

use std::time::{Duration, Instant};

use thinksafe_torch_sys::{Error, Store, StoreAddress};

use crate::Launch;

/// How often rank 0 looks who has joined.
const PAUSE: Duration = Duration::from_millis(10);

/// Joins the store and, in it, all other ranks. The store that is returned is empty, and nobody else's.
pub(crate) fn begin(launch: &Launch, timeout: Duration) -> Result<Store, Error> {
    let address = StoreAddress {
        host: &launch.rendezvous.host,
        port: launch.rendezvous.port,
        serve: launch.rendezvous.rank_0_serves && launch.rank == 0,
    };
    let store = Store::open(address, timeout)?.within("thinksafe")?;
    let session = match launch.rank {
        0 => open(&store, launch.world_size, timeout)?,
        rank => join(&store, rank)?,
    };
    store.within(&format!("session/{session}"))
}

/// Rank 0's part: the session's number, once all ranks have joined.
fn open(store: &Store, ranks: usize, timeout: Duration) -> Result<i64, Error> {
    let begun = Instant::now();
    let session = store.add("tickets", 1)?;
    for rank in 1..ranks {
        while !store.contains(&joined(session, rank))? {
            if store.contains(&ticket_of(rank))? {
                let ticket = read(store, &ticket_of(rank))?;
                store.set(&session_of(ticket), &session.to_le_bytes())?;
            }
            if begun.elapsed() > timeout {
                let seconds = timeout.as_secs_f64();
                return Err(Error::new(format!("rank {rank} did not come within {seconds} s")));
            }
            std::thread::sleep(PAUSE);
        }
    }
    store.set(&complete(session), &[1])?;
    Ok(session)
}

/// The part of the other ranks: the session's number, once all ranks have joined.
fn join(store: &Store, rank: usize) -> Result<i64, Error> {
    let ticket = store.add("tickets", 1)?;
    store.set(&ticket_of(rank), &ticket.to_le_bytes())?;
    let session = read(store, &session_of(ticket))?;
    store.set(&joined(session, rank), &[1])?;
    store.get(&complete(session), &mut [0])?;
    Ok(session)
}

fn read(store: &Store, key: &str) -> Result<i64, Error> {
    let mut bytes = [0; 8];
    store.get(key, &mut bytes)?;
    Ok(i64::from_le_bytes(bytes))
}

fn ticket_of(rank: usize) -> String {
    format!("ticket-of/{rank}")
}

fn session_of(ticket: i64) -> String {
    format!("session-of/{ticket}")
}

fn joined(session: i64, rank: usize) -> String {
    format!("joined/{session}/{rank}")
}

fn complete(session: i64) -> String {
    format!("complete/{session}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rendezvous;
    use crate::group::tests::free_port;

    /// Begins a session in a store that somebody else serves, on a thread.
    fn begin(
        port: u16,
        rank: usize,
        timeout: Duration,
    ) -> std::thread::JoinHandle<Result<Store, Error>> {
        let host = "127.0.0.1".to_owned();
        let rendezvous = Rendezvous { host, port, rank_0_serves: false, interface: None };
        let launch = Launch { rank, world_size: 3, local_rank: rank, rendezvous };
        std::thread::spawn(move || super::begin(&launch, timeout))
    }

    #[test]
    fn a_restarted_group_meets_among_what_the_former_one_left() {
        let port = free_port();
        let short = Duration::from_millis(500);
        let address = StoreAddress { host: "127.0.0.1", port, serve: true };
        let served = Store::open(address, short).unwrap();
        for failed in [begin(port, 0, short), begin(port, 1, short)] {
            failed.join().unwrap().expect_err("rank 2 does not come");
        }
        let mut number = served.within("thinksafe").unwrap().add("tickets", 0).unwrap();
        assert_eq!(number, 2);
        for _ in 0..2 {
            let ranks = [2, 1, 0].map(|rank| begin(port, rank, Duration::from_secs(20)));
            let stores = ranks.map(|rank| rank.join().unwrap().unwrap());
            let count = stores.map(|store| store.add("arrivals", 1).unwrap());
            assert_eq!(count, [1, 2, 3], "one session, and a new one");
            number += 3;
        }
        assert_eq!(served.within("thinksafe").unwrap().add("tickets", 0).unwrap(), number);
    }
}

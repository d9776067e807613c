//! What needs no second process, or gets by with threads.

use std::net::TcpListener;

use thinksafe_torch_sys::StoreAddress;

use super::*;
use crate::Rendezvous;

const TIMEOUT: Duration = Duration::from_secs(20);

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn launch(rank: usize, world_size: usize, port: u16) -> Launch {
    let host = "127.0.0.1".to_owned();
    let rendezvous = Rendezvous { host, port, rank_0_serves: true, interface: None };
    Launch { rank, world_size, local_rank: rank, rendezvous }
}

#[test]
fn alone_everything_is_as_it_was() {
    let group = ProcessGroup::join(&Launch::single(), Device::Cpu, TIMEOUT).unwrap();
    let mut tensor = Tensor::from_slice(&[1_f32, 2.0]);
    group.all_reduce_sum(&mut tensor).unwrap();
    group.broadcast(&mut tensor, 0).unwrap();
    group.barrier().unwrap();
    group.agree("data", &ContentHash::of_bytes("x")).unwrap();
    assert_eq!(Vec::<f32>::try_from(tensor).unwrap(), [1.0, 2.0]);
}

#[test]
fn tensors_that_would_be_misread_are_refused() {
    let group = ProcessGroup::single();
    let strided = Tensor::zeros([2, 3], (Kind::Float, Device::Cpu)).transpose(0, 1);
    let cases = [
        (strided, "a strided tensor of Float on Cpu"),
        (Tensor::zeros([2], (Kind::Double, Device::Cpu)), "a contiguous tensor of Double on Cpu"),
    ];
    for (mut tensor, words) in cases {
        for error in [
            group.all_reduce_sum(&mut tensor).unwrap_err(),
            group.broadcast(&mut tensor, 0).unwrap_err(),
        ] {
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}

#[test]
fn a_device_without_nccl_is_an_error_and_not_a_wait() {
    let port = free_port();
    let ranks = [0, 1].map(|rank| {
        std::thread::spawn(move || {
            let timeout = Duration::from_secs(2);
            ProcessGroup::join(&launch(rank, 2, port), Device::Cuda(rank), timeout).map(drop)
        })
    });
    let [first, second] = ranks.map(|rank| rank.join().unwrap().expect_err("no NCCL here"));
    assert!(first.to_string().contains("rank 0 of 2 cannot join the others: finding NCCL"));
    let words = second.to_string();
    assert!(words.contains("rank 1 of 2"), "{words}");
}

#[test]
fn nccls_id_is_rank_0s_on_all_ranks() {
    let address = StoreAddress { host: "127.0.0.1", port: free_port(), serve: true };
    let store = Store::open(address, TIMEOUT).unwrap();
    store.set("nccl-id", &[7; NcclId::BYTES]).unwrap();
    let id = share_id(&store, &launch(1, 2, address.port)).unwrap();
    assert_eq!(id, NcclId([7; NcclId::BYTES]));
}

#[test]
fn who_does_not_come_is_not_waited_for() {
    let timeout = Duration::from_secs(1);
    let error = ProcessGroup::join(&launch(0, 2, free_port()), Device::Cpu, timeout).unwrap_err();
    assert!(error.to_string().contains("meeting in the store failed"), "{error}");
    let error = ProcessGroup::join(&launch(1, 2, free_port()), Device::Cpu, timeout).unwrap_err();
    assert!(error.to_string().contains("rank 1 of 2"), "{error}");
}

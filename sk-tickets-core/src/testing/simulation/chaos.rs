use std::{sync::Arc, time::Duration};

use super::{fault::Fault, node::Machine, world::World};

/// Makes trouble for as long as anything may fail.
pub(super) async fn run(world: Arc<World>, machines: Arc<Vec<Machine>>) {
    loop {
        world.time.sleep(Duration::from_millis(world.dice.between(200, 3_000) as u64)).await;
        if world.is_calm() {
            return;
        }
        let machine = &machines[world.dice.below(machines.len())];
        let duration = Duration::from_millis(world.dice.between(200, 12_000) as u64);
        match world.dice.below(4) {
            0 if world.weather.outages => {
                world.note(Fault::Outage);
                world.say(&"world", &format_args!("{} ({duration:?})", Fault::Outage));
                world.take_store_away(duration / 3);
            }
            1 if world.weather.outages => {
                if let Some(node) = machine.node() {
                    world.note(Fault::Partition);
                    world.say(&node.life, &format_args!("{} ({duration:?})", Fault::Partition));
                    node.life.cut_off(duration);
                }
            }
            _ if world.weather.clocks_off_ms > 0 => set_clock(&world, machine),
            _ => {}
        }
    }
}

fn set_clock(world: &World, machine: &Machine) {
    let most = world.weather.clocks_off_ms;
    let off_by = i64::try_from(world.dice.between(0, 2 * most)).unwrap_or_default();
    let off_by = off_by - i64::try_from(most).unwrap_or_default();
    let fault = if off_by > machine.clock.off_by() { Fault::ClockForward } else { Fault::ClockBack };
    world.note(fault);
    world.say(&"world", &format_args!("{fault}: it is off by {off_by} ms"));
    machine.clock.set_off_by(off_by);
}

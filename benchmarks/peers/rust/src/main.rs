//! The floor: librdkafka, serde_json and hash maps on one thread. No state is kept, nothing is committed.
//!
//! Arguments: the number of events to read. The last line of the output is the benchmark's report.

mod customer;
mod event;

use std::env;
use std::error::Error;
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;
use hashbrown::HashMap;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Message, Offset, TopicPartitionList};
use serde_json::{Value, json};

use customer::{Customer, top};
use event::Event;

const WAIT: Duration = Duration::from_secs(1);

fn main() -> Result<(), Box<dyn Error>> {
    let began = Instant::now();
    let events: u64 = env::args()
        .nth(1)
        .ok_or("the number of events is missing")?
        .parse()?;
    let consumer = connect()?;
    let mut customers: HashMap<Box<[u8]>, Customer> = HashMap::new();
    let mut half = Value::Null;
    let mut count = 0;
    while count < events {
        let Some(message) = consumer.poll(WAIT) else {
            continue;
        };
        let message = message?;
        let id = message.key().ok_or("an event without a key")?;
        let event = Event::parse(message.payload().ok_or("an event without a value")?)?;
        match customers.get_mut(id) {
            Some(customer) => customer.add(&event)?,
            None => customers.entry(id.into()).or_default().add(&event)?,
        }
        count += 1;
        if count == events / 2 {
            half = mark(count, began);
        }
    }
    let marks = json!({"half": half, "done": mark(count, began)});
    println!(
        "{}",
        json!({"top": {"events": count, "rows": top(&customers)}, "marks": marks})
    );
    Ok(())
}

fn connect() -> Result<BaseConsumer, Box<dyn Error>> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", env::var("KAFKA_BOOTSTRAP_SERVERS")?)
        .set("group.id", "none")
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("check.crcs", "true")
        .set("fetch.queue.backoff.ms", "5")
        .create()?;
    let topic = env::var("LTV_EVENTS_TOPIC")?;
    let metadata = consumer.fetch_metadata(Some(&topic), 10 * WAIT)?;
    let mut assigned = TopicPartitionList::new();
    for partition in metadata
        .topics()
        .iter()
        .flat_map(|topic| topic.partitions())
    {
        assigned.add_partition_offset(&topic, partition.id(), Offset::Beginning)?;
    }
    consumer.assign(&assigned)?;
    Ok(consumer)
}

/// Events, and seconds since the process began.
fn mark(events: u64, began: Instant) -> Value {
    json!({
        "events": events,
        "wall_s": began.elapsed().as_secs_f64(),
        "cpu_s": ProcessTime::now().as_duration().as_secs_f64(),
    })
}

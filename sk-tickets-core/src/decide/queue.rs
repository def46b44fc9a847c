use super::{Context, QueueCommand, Rejection, create::distinct};
use crate::{
    limits::QUEUES_MAX,
    model::queue::{CreateQueue, DEFAULT_QUEUE, Queue, UpdateQueue},
    platform::{input::Patch, text::Text},
    store::{Effect, Loaded, QueueChange},
};

/// Decides a command about a queue: what it changes, and the queue as it is afterwards. `known` has the queues that the
/// realm keeps.
///
/// # Errors
/// [`Rejection`]: the command is not lawful as things stand.
pub fn decide_queue(known: &Loaded, command: &QueueCommand, cx: &Context<'_>) -> Result<(Effect, Queue), Rejection> {
    let kept = |key: &str| known.queues.iter().find(|queue| queue.key == key);
    match command {
        QueueCommand::Create(create) => {
            let queue = make(create, cx);
            if queue.key == DEFAULT_QUEUE || kept(&queue.key).is_some() {
                return Err(Rejection::QueueExists);
            }
            if known.queues.iter().filter(|queue| queue.key != DEFAULT_QUEUE).count() >= QUEUES_MAX {
                return Err(Rejection::QueueLimit);
            }
            accept(known, &queue)?;
            Ok((adds(known, &queue), queue))
        }
        QueueCommand::Update(key, update) => match kept(key.as_str()) {
            Some(before) => {
                let after = patched(before, update);
                if *before == after {
                    return Ok((Effect::None, after));
                }
                accept(known, &after)?;
                let change = QueueChange::Update { before: before.clone(), after: after.clone() };
                Ok((Effect::Queue(Box::new(change)), after))
            }
            // It is kept from its first change on.
            None if key.as_str() == DEFAULT_QUEUE => {
                let before = Queue::default_of(cx.realm);
                let after = patched(&before, update);
                if before == after {
                    return Ok((Effect::None, after));
                }
                accept(known, &after)?;
                Ok((adds(known, &after), after))
            }
            None => Err(Rejection::NotFound),
        },
    }
}

fn make(command: &CreateQueue, cx: &Context<'_>) -> Queue {
    let CreateQueue { key, name, topics, default_owner_id, default_priority } = command;
    Queue {
        id: cx.ids.generate(cx.now),
        key: key.to_string(),
        name: name.as_ref().map_or_else(|| key.to_string(), Text::to_string),
        topics: distinct(topics),
        default_owner_id: *default_owner_id,
        default_priority: *default_priority,
        created_at: Some(cx.now),
    }
}

fn patched(before: &Queue, command: &UpdateQueue) -> Queue {
    let UpdateQueue { name, topics, default_owner_id, default_priority } = command;
    Queue {
        id: before.id,
        key: before.key.clone(),
        name: name.0.as_ref().map_or_else(|| before.name.clone(), Text::to_string),
        topics: match topics {
            Patch::Keep => before.topics.clone(),
            Patch::Clear => Vec::new(),
            Patch::Set(topics) => distinct(topics),
        },
        default_owner_id: default_owner_id.apply(before.default_owner_id),
        default_priority: default_priority.apply(before.default_priority),
        created_at: before.created_at,
    }
}

/// No topic leads to two queues.
fn accept(known: &Loaded, after: &Queue) -> Result<(), Rejection> {
    let others = known.queues.iter().filter(|queue| queue.key != after.key);
    for other in others {
        if let Some(topic) = after.topics.iter().find(|topic| other.topics.contains(topic)) {
            return Err(Rejection::TopicTaken { topic: topic.clone(), queue: other.key.clone() });
        }
    }
    Ok(())
}

fn adds(known: &Loaded, queue: &Queue) -> Effect {
    let change = QueueChange::Create { queue: queue.clone(), others: known.queues.len() };
    Effect::Queue(Box::new(change))
}

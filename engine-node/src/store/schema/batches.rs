//! Tables of batches and of messages that wait.
use super::{Class::*, Table, Type::*, c, n};

table!(
    /// What a shard has of a batch. `running`: something is still to be done here; `recorded`: history shows it; `jobs`:
    /// what is set for its job definitions, where this part is the one that has the batch's own jobs.
    BATCH, "batch", SlotBound, ["slot", "id"], [
        c("slot", Small), c("id", Uuid), n("root_id", Uuid), c("type", Text), c("total", Int), c("seeded", Bool),
        c("suspended", Bool), c("running", Bool), c("recorded", Bool), c("started", Big), n("executed", Big),
        n("ended", Big), n("removal", Big), n("create_user", Text), n("tenant_id", Text),
        n("digest", Text), n("jobs", Text),
    ]
);
table!(
    /// Jobs of a batch. Most are what is still to be done (`kind` 3): a request for one thing, in that thing's slot, shown
    /// as a job once it is `seeded`; a seed job comes to those of one deployment after the other. The batch's own jobs, one
    /// at a time, lie in the slot of its part. `failed`: when the last try failed; `incident_id`: what that has raised.
    BATCH_WORK, "batch_work", SlotBound, ["slot", "id"], [
        c("slot", Small), c("id", Uuid), n("root_id", Uuid), c("batch_id", Uuid), c("request", Text),
        c("retries", Int), c("suspended", Bool), c("created", Big), n("failed", Big), n("error_message", Text),
        n("lock_owner", Text), n("lock_expires", Big), c("kind", Small), c("seeded", Bool), n("deployment_id", Uuid),
        n("due", Big), c("priority", Big), n("incident_id", Uuid),
    ]
);
table!(
    /// Messages that matched nothing and wait for their receiver, in the slot of the instance that they are for.
    PARKED_MESSAGE, "parked_message", SlotBound, ["slot", "id"], [
        c("slot", Small), c("id", Uuid), n("root_id", Uuid), c("name", Text), n("business_key", Text),
        n("instance_id", Uuid), c("request", Text), c("created", Big), c("expires", Big), n("error_message", Text),
    ]
);

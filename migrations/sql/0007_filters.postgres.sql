-- Stored filters of task lists, the same on every shard.
CREATE TABLE task_filter (
    "id" uuid NOT NULL PRIMARY KEY,
    "name" text COLLATE "C" NOT NULL,
    "owner" text COLLATE "C",
    "query" text COLLATE "C" NOT NULL,
    "properties" text COLLATE "C"
);

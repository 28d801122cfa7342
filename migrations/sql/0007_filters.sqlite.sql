-- Stored filters of task lists, the same on every shard.
CREATE TABLE task_filter (
    "id" BLOB NOT NULL PRIMARY KEY,
    "name" TEXT NOT NULL,
    "owner" TEXT,
    "query" TEXT NOT NULL,
    "properties" TEXT
) STRICT;

-- What nodes have counted, by quarter of an hour: the numbers behind /metrics.
CREATE TABLE metric (
    "reporter" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "bucket" INTEGER NOT NULL,
    "value" INTEGER NOT NULL,
    PRIMARY KEY ("bucket", "name", "reporter")
) STRICT, WITHOUT ROWID;

-- What nodes have counted, by quarter of an hour: the numbers behind /metrics.
CREATE TABLE metric (
    "reporter" text COLLATE "C" NOT NULL,
    "name" text COLLATE "C" NOT NULL,
    "bucket" bigint NOT NULL,
    "value" bigint NOT NULL,
    PRIMARY KEY ("bucket", "name", "reporter")
);

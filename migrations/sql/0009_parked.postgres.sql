-- Messages that matched nothing and wait for their receiver (`--park-message`), in the slot of the instance that they are for.
CREATE TABLE parked_message (
    "slot" smallint NOT NULL,
    "id" uuid NOT NULL,
    "root_id" uuid,
    "name" text COLLATE "C" NOT NULL,
    "business_key" text COLLATE "C",
    "instance_id" uuid,
    "request" text COLLATE "C" NOT NULL,
    "created" bigint NOT NULL,
    "expires" bigint NOT NULL,
    "error_message" text COLLATE "C",
    PRIMARY KEY ("slot", "id")
);
CREATE INDEX parked_message_id ON parked_message ("id");
CREATE INDEX parked_message_expires ON parked_message ("expires");

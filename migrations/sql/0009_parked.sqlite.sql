-- Messages that matched nothing and wait for their receiver (`--park-message`), in the slot of the instance that they are for.
CREATE TABLE parked_message (
    "slot" INTEGER NOT NULL,
    "id" BLOB NOT NULL,
    "root_id" BLOB,
    "name" TEXT NOT NULL,
    "business_key" TEXT,
    "instance_id" BLOB,
    "request" TEXT NOT NULL,
    "created" INTEGER NOT NULL,
    "expires" INTEGER NOT NULL,
    "error_message" TEXT,
    PRIMARY KEY ("slot", "id")
) STRICT;
CREATE INDEX parked_message_id ON parked_message ("id");
CREATE INDEX parked_message_expires ON parked_message ("expires");

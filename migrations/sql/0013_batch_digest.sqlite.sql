-- Which request made a batch under an idempotency key.
ALTER TABLE batch ADD COLUMN "digest" TEXT;

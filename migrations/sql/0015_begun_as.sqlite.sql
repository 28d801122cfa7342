-- The element that an activity instance began as, where it was canceled as another one.
ALTER TABLE history_activity ADD COLUMN "begun_as" TEXT;

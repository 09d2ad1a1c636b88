-- Where each target of a source got to: a region, a subscription, a project. NULL = the source as a whole.
ALTER TABLE watermarks ADD COLUMN target VARCHAR;

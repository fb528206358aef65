//! Simple Notification Service: topics that fan out to queues, and the protocol that clients speak to them.

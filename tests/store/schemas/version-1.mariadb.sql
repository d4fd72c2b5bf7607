-- What fenix with tables of version 1 made on mariadb, and a session in it.

CREATE TABLE events (
    session_id VARCHAR(64) NOT NULL,
    seq BIGINT NOT NULL,
    `position` BIGINT NOT NULL,
    at BIGINT NOT NULL,
    kind VARCHAR(64) NOT NULL,
    data LONGTEXT NOT NULL,
    PRIMARY KEY (session_id, seq),
    UNIQUE (`position`)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX events_of_session ON events (session_id, `position`);

CREATE TABLE journal (
    id INTEGER NOT NULL,
    version INTEGER NOT NULL,
    head BIGINT NOT NULL,
    PRIMARY KEY (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE listeners (
    project_id VARCHAR(255) NOT NULL,
    heard_at BIGINT NOT NULL,
    PRIMARY KEY (project_id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_listeners_heard_at ON listeners (heard_at);

CREATE TABLE requests (
    request_key VARCHAR(255) NOT NULL,
    session_id VARCHAR(64) NOT NULL,
    seq BIGINT NOT NULL,
    `position` BIGINT NOT NULL,
    reply LONGTEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (request_key)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE sessions (
    session_id VARCHAR(64) NOT NULL,
    first_position BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    active BOOL NOT NULL,
    deleted BOOL NOT NULL,
    owner VARCHAR(255) NOT NULL,
    lease_until BIGINT NOT NULL,
    PRIMARY KEY (session_id),
    UNIQUE (first_position)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_sessions_active ON sessions (active);

INSERT INTO journal (id, version, head) VALUES (1, 1, 1);

INSERT INTO sessions (session_id, first_position, created_at, seq, active, deleted, owner, lease_until) VALUES ('s1', 1, 1893456000000000, 1, 1, 0, '', 0);

INSERT INTO events (session_id, seq, position, at, kind, data) VALUES ('s1', 1, 1, 1893456000000000, 'SessionCreated', '{"maintenance_at":"2030-01-01T00:00:00Z"}');

INSERT INTO requests (request_key, session_id, seq, position, reply, at) VALUES ('admin/1', 's1', 1, 1, 's1', 1893456000000000);

INSERT INTO listeners (project_id, heard_at) VALUES ('red', 1893456000000000);

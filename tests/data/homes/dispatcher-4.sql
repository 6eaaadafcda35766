BEGIN TRANSACTION;
CREATE TABLE app_targets (
	app_uid CHAR(32) NOT NULL, 
	os VARCHAR(32) NOT NULL, 
	cpu VARCHAR(32) NOT NULL, 
	blob VARCHAR NOT NULL, 
	entry VARCHAR NOT NULL, 
	CONSTRAINT pk_app_targets PRIMARY KEY (app_uid, os, cpu), 
	CONSTRAINT fk_app_targets_app_uid_apps FOREIGN KEY(app_uid) REFERENCES apps (uid)
);
INSERT INTO "app_targets" VALUES('01a21e1f8bdd74e3aa89c814606820f5','linux','any','bfdeaeb08cffb6a36438bcd12dda25417e3cdd36f1e7e482a2849d539225288b','hello.sh');
INSERT INTO "app_targets" VALUES('01a21e1f8d157bfa89b17e6112ef28a8','linux','any','bfdeaeb08cffb6a36438bcd12dda25417e3cdd36f1e7e482a2849d539225288b','hello.sh');
CREATE TABLE apps (
	name VARCHAR NOT NULL, 
	version VARCHAR NOT NULL, 
	uid CHAR(32) NOT NULL, 
	owner_uid CHAR(32) NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	limits JSON NOT NULL, 
	body_digest VARCHAR NOT NULL, 
	registered_at DATETIME NOT NULL, 
	CONSTRAINT pk_apps PRIMARY KEY (uid), 
	CONSTRAINT uq_apps_owner_uid_name_version UNIQUE (owner_uid, name, version), 
	CONSTRAINT fk_apps_owner_uid_users FOREIGN KEY(owner_uid) REFERENCES users (uid)
);
INSERT INTO "apps" VALUES('vanity','1','ce28dd3f166f86ae8ff8a39463653981','01a21e1f81cb71e78960df78bcd30657','vanity','{"wall_s": 3600, "cpu_s": 3600, "memory_bytes": 1073741824, "disk_bytes": 268435456, "output_bytes": 16777216, "processes": 64, "files": 100}','','2026-11-27 17:48:31.051862');
INSERT INTO "apps" VALUES('hello','1','01a21e1f8bdd74e3aa89c814606820f5','01a21e1f85b6763091d85a093a922a86','native','{"wall_s": 3600, "cpu_s": 3600, "memory_bytes": 1073741824, "disk_bytes": 268435456, "output_bytes": 16777216, "processes": 64, "files": 100}','d9ab275ed89fbd7a6bdb20d7de3cabe35276e23c2e2a0d4a47c8849b1c101a36','2026-11-27 17:48:33.631659');
INSERT INTO "apps" VALUES('theirs','1','01a21e1f8d157bfa89b17e6112ef28a8','01a21e1f86b176b28f47f6188e256ce4','native','{"wall_s": 3600, "cpu_s": 3600, "memory_bytes": 1073741824, "disk_bytes": 268435456, "output_bytes": 16777216, "processes": 64, "files": 100}','a7653ece738ffbca5c67a5fdfd0ef6e1d056e8573d0d7ff1fa26247c04c7d61a','2026-11-27 17:48:33.942548');
CREATE TABLE attempt_uploads (
	size_bytes BIGINT NOT NULL, 
	job_uid CHAR(32) NOT NULL, 
	attempt INTEGER NOT NULL, 
	digest VARCHAR NOT NULL, 
	CONSTRAINT pk_attempt_uploads PRIMARY KEY (job_uid, attempt, digest), 
	CONSTRAINT fk_attempt_uploads_job_uid_attempt_attempts FOREIGN KEY(job_uid, attempt) REFERENCES attempts (job_uid, number), 
	CONSTRAINT fk_attempt_uploads_digest_blobs FOREIGN KEY(digest) REFERENCES blobs (digest)
);
INSERT INTO "attempt_uploads" VALUES(19,'01a21e1f8d3a729889b23aeb63b5526b',1,'fa44416a120bffec331e7256fbfd268191025efdb7b1fe58f6320b53491b2472');
INSERT INTO "attempt_uploads" VALUES(0,'01a21e1f8d3a729889b23aeb63b5526b',1,'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
INSERT INTO "attempt_uploads" VALUES(15,'01a21e1f8d3a729889b23aeb63b5526b',1,'1a8b3291829a98c5f6f28edb4e55e362c68e3c6fa6e4ca5384ddd041204873ad');
INSERT INTO "attempt_uploads" VALUES(6,'01a21e1f8f557d3bbc46940943565826',1,'8f40d344eb3f2a113e3627929398c07b973240d978b36121ef62c30fc7f54244');
INSERT INTO "attempt_uploads" VALUES(0,'01a21e1f8f557d3bbc46940943565826',1,'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
INSERT INTO "attempt_uploads" VALUES(2,'01a21e1f8f557d3bbc46940943565826',1,'4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945');
INSERT INTO "attempt_uploads" VALUES(7,'01a21e1f935976408afc2edc30b4a663',1,'52534dffd0e9f5535521f6458087c5ade0faaf6559c48629826f67940fc17c68');
INSERT INTO "attempt_uploads" VALUES(0,'01a21e1f935976408afc2edc30b4a663',1,'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
INSERT INTO "attempt_uploads" VALUES(2,'01a21e1f935976408afc2edc30b4a663',1,'4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945');
INSERT INTO "attempt_uploads" VALUES(7,'01a21e1f935976f0af332976e0814aa7',1,'784393985b68feac971cfab3c309d6be4ef750cfe7a04e6e42662dc5fcd66f7d');
INSERT INTO "attempt_uploads" VALUES(0,'01a21e1f935976f0af332976e0814aa7',1,'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
INSERT INTO "attempt_uploads" VALUES(2,'01a21e1f935976f0af332976e0814aa7',1,'4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945');
INSERT INTO "attempt_uploads" VALUES(7,'01a21e1f95cb7c3384e56ef1847c08ea',2,'33d0f3bfc9b17dacf5276b5cd029201ab6c1f4e94ec3e94aaedb9446161c474c');
CREATE TABLE attempts (
	fraction FLOAT, 
	keys_tried BIGINT NOT NULL, 
	keys_per_s FLOAT NOT NULL, 
	job_uid CHAR(32) NOT NULL, 
	number INTEGER NOT NULL, 
	host_uid CHAR(32) NOT NULL, 
	status VARCHAR(32) NOT NULL, 
	leased_at DATETIME NOT NULL, 
	lease_ends_at DATETIME NOT NULL, 
	ended_at DATETIME, 
	reason VARCHAR, 
	exit_status BIGINT, 
	cpu_s FLOAT NOT NULL, 
	max_rss_bytes BIGINT NOT NULL, 
	keys_proven BIGINT NOT NULL, 
	claimed JSON NOT NULL, 
	result_digest VARCHAR, 
	CONSTRAINT pk_attempts PRIMARY KEY (job_uid, number), 
	CONSTRAINT fk_attempts_job_uid_jobs FOREIGN KEY(job_uid) REFERENCES jobs (uid), 
	CONSTRAINT fk_attempts_host_uid_hosts FOREIGN KEY(host_uid) REFERENCES hosts (uid)
);
INSERT INTO "attempts" VALUES(NULL,0,0.0,'01a21e1f8d3a729889b23aeb63b5526b',1,'01a21e1f886172dd9cfd4b02625e6271','finished','2026-11-27 17:48:34.141746','2026-11-27 17:49:34.141746','2026-11-27 17:48:34.467412',NULL,0,0.0,0,0,'[]','a55c917f6994237dfc719d8a47ccb407201ebb10766cde693499d1c60d74a3b3');
INSERT INTO "attempts" VALUES(NULL,0,0.0,'01a21e1f8f557d3bbc46940943565826',1,'01a21e1f89297fbcbee0aee9c5152b21','failed','2026-11-27 17:48:34.588839','2026-11-27 17:49:34.588839','2026-11-27 17:48:34.878554',NULL,3,0.0,0,0,'[]','d5280f0af36a245b5d6358cf5501d5f94a46d3a045a4147fb6897d28ad8b76cd');
INSERT INTO "attempts" VALUES(NULL,0,0.0,'01a21e1f90da7a739308419b1f2269b5',1,'01a21e1f886172dd9cfd4b02625e6271','lost','2026-11-27 17:48:34.954730','2026-11-27 17:49:34.954730','2026-11-27 17:48:35.038357','the disk is full',NULL,0.0,0,0,'[]','00ac2077b0ac8ed0aff6d26e0f891f0af066d0f2b3f020845164e9d5cff78de9');
INSERT INTO "attempts" VALUES(NULL,0,0.0,'01a21e1f90da7a739308419b1f2269b5',2,'01a21e1f89297fbcbee0aee9c5152b21','lost','2026-11-27 17:48:35.080142','2026-11-27 17:49:35.080142','2026-11-27 17:48:35.159174','the disk is full',NULL,0.0,0,0,'[]','00ac2077b0ac8ed0aff6d26e0f891f0af066d0f2b3f020845164e9d5cff78de9');
INSERT INTO "attempts" VALUES(NULL,0,0.0,'01a21e1f90da7a739308419b1f2269b5',3,'01a21e1f89fd783dbc4b879fa3834f8a','lost','2026-11-27 17:48:35.220827','2026-11-27 17:49:35.220827','2026-11-27 17:48:35.270911','the disk is full',NULL,0.0,0,0,'[]','00ac2077b0ac8ed0aff6d26e0f891f0af066d0f2b3f020845164e9d5cff78de9');
INSERT INTO "attempts" VALUES(NULL,0,0.0,'01a21e1f92c57339a675f9dcc126cb71',1,'01a21e1f89fd783dbc4b879fa3834f8a','revoked','2026-11-27 17:48:35.436360','2026-11-27 17:49:35.436360','2026-11-27 17:48:35.518741','the job was cancelled',NULL,0.0,0,0,'[]',NULL);
INSERT INTO "attempts" VALUES(NULL,0,0.0,'01a21e1f935976408afc2edc30b4a663',1,'01a21e1f886172dd9cfd4b02625e6271','finished','2026-11-27 17:48:35.671277','2026-11-27 17:49:35.671277','2026-11-27 17:48:35.923357',NULL,0,0.0,0,0,'[]','d453cdecc3e3c93832003aec0b93af8640bd002b8164d11d67412807b8988330');
INSERT INTO "attempts" VALUES(NULL,0,0.0,'01a21e1f935976f0af332976e0814aa7',1,'01a21e1f886172dd9cfd4b02625e6271','finished','2026-11-27 17:48:35.969766','2026-11-27 17:49:35.969766','2026-11-27 17:48:36.149276',NULL,0,0.0,0,0,'[]','72ebbb7273e04d3c0862cdf458bcfe5e60021f488311eda5db6c0f8bfb3cd5c7');
INSERT INTO "attempts" VALUES(NULL,0,0.0,'01a21e1f95cb7c3384e56ef1847c08ea',1,'01a21e1f8abf7af6a60ce1e8dc7a931b','lost','2026-11-27 17:48:36.225220','2026-11-27 17:49:36.225220','2026-11-27 17:48:37.499264','the host was revoked',NULL,0.0,0,0,'[]',NULL);
INSERT INTO "attempts" VALUES(NULL,0,0.0,'5059b1f6e1688ecd8a940cc2a92fd782',1,'01a21e1f89297fbcbee0aee9c5152b21','finished','2026-11-27 17:48:36.310777','2026-11-27 17:49:36.310777','2026-11-27 17:48:36.502619',NULL,NULL,0.0,0,22,'[]',NULL);
INSERT INTO "attempts" VALUES(NULL,0,1.0,'83023da16fc78d9d8e530e2e36217c08',1,'01a21e1f89297fbcbee0aee9c5152b21','revoked','2026-11-27 17:48:36.728535','2026-11-27 17:49:36.728535','2026-11-27 17:48:36.871077','the job was cancelled',NULL,0.0,0,0,'[]',NULL);
INSERT INTO "attempts" VALUES(NULL,0,0.0,'7c73b21398ac85d2a27ba31ef416077e',1,'01a21e1f8abf7af6a60ce1e8dc7a931b','lost','2026-11-27 17:48:37.025582','2026-11-27 17:49:37.025582','2026-11-27 17:48:37.098497','the result was refused: its offset is not in unit 0 of batch 01a21e1f-98dd-710b-926b-1dc236c778fb',NULL,0.0,0,0,'[]',NULL);
INSERT INTO "attempts" VALUES(NULL,1000,0.0,'af097475a6808964aa8d0bc3584e24a5',1,'01a21e1f89fd783dbc4b879fa3834f8a','finished','2026-11-27 17:48:37.166989','2026-11-27 17:49:37.166989','2026-11-27 17:48:37.260396',NULL,NULL,3.5,134217728,0,'[]','2e14e8a4068f67ea736edd5d86ff79630aff99fe00a08b733edde8410b7b2920');
INSERT INTO "attempts" VALUES(NULL,5000,1234.5,'f70c206e1a38810e98f56490f9cad017',1,'01a21e1f89297fbcbee0aee9c5152b21','leased','2026-11-27 17:48:37.291099','2026-11-27 17:49:37.763395',NULL,NULL,NULL,0.0,0,4096,'["146935d9b012f4e6f24c1cf22ad1c911197cf8532c5b853e6b85a804b468a9bb 1 -1"]',NULL);
INSERT INTO "attempts" VALUES(0.25,0,0.0,'01a21e1f95cb7c3384e56ef1847c08ea',2,'01a21e1f886172dd9cfd4b02625e6271','leased','2026-11-27 17:48:37.564914','2026-11-27 17:49:37.746465',NULL,NULL,NULL,0.0,0,0,'[]',NULL);
CREATE TABLE batches (
	name VARCHAR NOT NULL, 
	requester VARCHAR, 
	uid CHAR(32) NOT NULL, 
	owner_uid CHAR(32) NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	match_class BIGINT, 
	served_at DATETIME, 
	cancelled BOOLEAN NOT NULL, 
	body_digest VARCHAR NOT NULL, 
	submitted_at DATETIME NOT NULL, 
	ended_at DATETIME, 
	CONSTRAINT pk_batches PRIMARY KEY (uid), 
	CONSTRAINT fk_batches_owner_uid_users FOREIGN KEY(owner_uid) REFERENCES users (uid), 
	CONSTRAINT fk_batches_match_class_match_classes FOREIGN KEY(match_class) REFERENCES match_classes (id)
);
INSERT INTO "batches" VALUES('sweep',NULL,'01a21e1f9359755190971634e2c75f3a','01a21e1f85b6763091d85a093a922a86','bag',NULL,NULL,0,'2c815aecb4b133b2207bb55484ab7d2b42e643c5177ee52f067e10e35e372d7b','2026-11-27 17:48:35.547813','2026-11-27 17:48:36.149276');
INSERT INTO "batches" VALUES('easy',NULL,'01a21e1f960d70018ead25268ab82c87','01a21e1f85b6763091d85a093a922a86','search',2,'2026-11-27 17:48:36.310777',0,'3a458f0417f4044015733b35ee9371541288a67f7cef627a9e351b63612bfff8','2026-11-27 17:48:36.258341','2026-11-27 17:48:36.502619');
INSERT INTO "batches" VALUES('cancelled',NULL,'01a21e1f97bd786185895ff58b299acd','01a21e1f85b6763091d85a093a922a86','search',2,'2026-11-27 17:48:36.728535',1,'45a949f71562ad95b1993bebcdcb09bab955d8a32e77303eb2a1fe939771be90','2026-11-27 17:48:36.677316','2026-11-27 17:48:36.871077');
INSERT INTO "batches" VALUES('hard',NULL,'01a21e1f98dd710b926b1dc236c778fb','01a21e1f85b6763091d85a093a922a86','search',2,'2026-11-27 17:48:37.291099',0,'903dde7a23f0780dd5c9a8c77e8765319de790c78ed911b26e07e747d85c96b2','2026-11-27 17:48:36.969321',NULL);
INSERT INTO "batches" VALUES('waiting',NULL,'01a21e1f9c2877b29713897838f5aebb','01a21e1f85b6763091d85a093a922a86','bag',NULL,NULL,0,'81e408e9f074a41105e413da41f27db9829e6d03bdd6fd9f1c53d54f80a5edeb','2026-11-27 17:48:37.806423',NULL);
CREATE TABLE blobs (
	digest VARCHAR NOT NULL, 
	size_bytes BIGINT NOT NULL, 
	stored_at DATETIME NOT NULL, 
	CONSTRAINT pk_blobs PRIMARY KEY (digest)
);
INSERT INTO "blobs" VALUES('bfdeaeb08cffb6a36438bcd12dda25417e3cdd36f1e7e482a2849d539225288b',21,'2026-11-27 17:48:33.576761');
INSERT INTO "blobs" VALUES('4146dc5343dc58927d89ee933d208ba490e66a235f0f103cf77f635fae8628d2',20,'2026-11-27 17:48:33.816119');
INSERT INTO "blobs" VALUES('fa44416a120bffec331e7256fbfd268191025efdb7b1fe58f6320b53491b2472',19,'2026-11-27 17:48:34.358019');
INSERT INTO "blobs" VALUES('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',0,'2026-11-27 17:48:34.424703');
INSERT INTO "blobs" VALUES('1a8b3291829a98c5f6f28edb4e55e362c68e3c6fa6e4ca5384ddd041204873ad',15,'2026-11-27 17:48:34.451566');
INSERT INTO "blobs" VALUES('8f40d344eb3f2a113e3627929398c07b973240d978b36121ef62c30fc7f54244',6,'2026-11-27 17:48:34.704716');
INSERT INTO "blobs" VALUES('4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945',2,'2026-11-27 17:48:34.848667');
INSERT INTO "blobs" VALUES('52534dffd0e9f5535521f6458087c5ade0faaf6559c48629826f67940fc17c68',7,'2026-11-27 17:48:35.780730');
INSERT INTO "blobs" VALUES('784393985b68feac971cfab3c309d6be4ef750cfe7a04e6e42662dc5fcd66f7d',7,'2026-11-27 17:48:36.084689');
INSERT INTO "blobs" VALUES('33d0f3bfc9b17dacf5276b5cd029201ab6c1f4e94ec3e94aaedb9446161c474c',7,'2026-11-27 17:48:37.693018');
CREATE TABLE data (
	digest VARCHAR NOT NULL, 
	size_bytes BIGINT NOT NULL, 
	name VARCHAR NOT NULL, 
	uid CHAR(32) NOT NULL, 
	owner_uid CHAR(32) NOT NULL, 
	status VARCHAR(32) NOT NULL, 
	body_digest VARCHAR NOT NULL, 
	registered_at DATETIME NOT NULL, 
	CONSTRAINT pk_data PRIMARY KEY (uid), 
	CONSTRAINT fk_data_owner_uid_users FOREIGN KEY(owner_uid) REFERENCES users (uid)
);
INSERT INTO "data" VALUES('bfdeaeb08cffb6a36438bcd12dda25417e3cdd36f1e7e482a2849d539225288b',21,'content','01a21e1f8b1c7fa09205317eb5c75a50','01a21e1f85b6763091d85a093a922a86','available','9c89a1db6ea634278be66ed2fc88c9aa0b23dc6de307f7c918bb9bccf25575ac','2026-11-27 17:48:33.478657');
INSERT INTO "data" VALUES('4146dc5343dc58927d89ee933d208ba490e66a235f0f103cf77f635fae8628d2',20,'content','01a21e1f8c3674699a522eb21e1c430b','01a21e1f85b6763091d85a093a922a86','available','3d2b57d033f909d441d0eafb5a606ada8f451530a51acc6b28a65d4c23ed53d6','2026-11-27 17:48:33.728658');
INSERT INTO "data" VALUES('abababababababababababababababababababababababababababababababab',12,'awaited','01a21e1f8cad7fcb955e9f0619c89d64','01a21e1f85b6763091d85a093a922a86','awaited','61ca1eb4b104e416f78893b5caebef3e42228b7fc48104b27ed3b3bb66d9fc17','2026-11-27 17:48:33.838374');
INSERT INTO "data" VALUES('bfdeaeb08cffb6a36438bcd12dda25417e3cdd36f1e7e482a2849d539225288b',21,'content','01a21e1f8cbd75dab7f01c1923c4f04b','01a21e1f86b176b28f47f6188e256ce4','available','c0020ab880278f9b2322c5f754773cf98e706a96387f4200c94f1be3c0111c61','2026-11-27 17:48:33.888848');
CREATE TABLE faults (
	id INTEGER NOT NULL, 
	host_uid CHAR(32) NOT NULL, 
	job_uid CHAR(32) NOT NULL, 
	attempt BIGINT NOT NULL, 
	code VARCHAR NOT NULL, 
	text VARCHAR NOT NULL, 
	at DATETIME NOT NULL, 
	CONSTRAINT pk_faults PRIMARY KEY (id), 
	CONSTRAINT fk_faults_host_uid_hosts FOREIGN KEY(host_uid) REFERENCES hosts (uid), 
	CONSTRAINT fk_faults_job_uid_jobs FOREIGN KEY(job_uid) REFERENCES jobs (uid)
);
INSERT INTO "faults" VALUES(1,'01a21e1f8abf7af6a60ce1e8dc7a931b','7c73b21398ac85d2a27ba31ef416077e',1,'false-result','the result was refused: its offset is not in unit 0 of batch 01a21e1f-98dd-710b-926b-1dc236c778fb','2026-11-27 17:48:37.098497');
CREATE TABLE grid (
	uid CHAR(32) NOT NULL, 
	schema_version BIGINT NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_grid PRIMARY KEY (uid)
);
INSERT INTO "grid" VALUES('01a21e1f81cb74b098792e8867a072ed',4,'2026-11-27 17:48:31.051862');
CREATE TABLE groups (
	name VARCHAR NOT NULL, 
	uid CHAR(32) NOT NULL, 
	owner_uid CHAR(32) NOT NULL, 
	body_digest VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_groups PRIMARY KEY (uid), 
	CONSTRAINT uq_groups_name UNIQUE (name)
);
INSERT INTO "groups" VALUES('lab','01a21e1f84777ac58a47d03b25bb4c4c','01a21e1f81cb71e78960df78bcd30657','762838eca8ad0ed2245e4bfa89f72c1c68feb49b04bda9b9675280486df57a1d','2026-11-27 17:48:31.840563');
CREATE TABLE hosts (
	name VARCHAR NOT NULL, 
	uid CHAR(32) NOT NULL, 
	group_uid CHAR(32), 
	os VARCHAR(32), 
	cpu VARCHAR(32), 
	keys_per_s FLOAT NOT NULL, 
	proven_keys_per_s FLOAT NOT NULL, 
	shares BIGINT NOT NULL, 
	keys_proven BIGINT NOT NULL, 
	false_results BIGINT NOT NULL, 
	joined_at DATETIME NOT NULL, 
	seen_at DATETIME, 
	revoked_at DATETIME, 
	CONSTRAINT pk_hosts PRIMARY KEY (uid), 
	CONSTRAINT fk_hosts_group_uid_groups FOREIGN KEY(group_uid) REFERENCES groups (uid)
);
INSERT INTO "hosts" VALUES('bob','01a21e1f886172dd9cfd4b02625e6271','01a21e1f84777ac58a47d03b25bb4c4c','linux','x86_64',1.0,0.0,0,0,0,'2026-11-27 17:48:32.737267','2026-11-27 17:48:37.746465',NULL);
INSERT INTO "hosts" VALUES('carol','01a21e1f89297fbcbee0aee9c5152b21',NULL,'linux','x86_64',1.0,0.0,2,4118,0,'2026-11-27 17:48:32.937893','2026-11-27 17:48:37.763395',NULL);
INSERT INTO "hosts" VALUES('dave','01a21e1f89fd783dbc4b879fa3834f8a',NULL,'linux','x86_64',1.0,0.0,0,0,0,'2026-11-27 17:48:33.149904','2026-11-27 17:48:37.166958',NULL);
INSERT INTO "hosts" VALUES('mallory','01a21e1f8abf7af6a60ce1e8dc7a931b',NULL,'linux','x86_64',1.0,0.0,0,0,1,'2026-11-27 17:48:33.343516','2026-11-27 17:48:37.025552','2026-11-27 17:48:37.499264');
CREATE TABLE job_outputs (
	size_bytes BIGINT NOT NULL, 
	job_uid CHAR(32) NOT NULL, 
	name VARCHAR NOT NULL, 
	digest VARCHAR NOT NULL, 
	CONSTRAINT pk_job_outputs PRIMARY KEY (job_uid, name), 
	CONSTRAINT fk_job_outputs_job_uid_jobs FOREIGN KEY(job_uid) REFERENCES jobs (uid), 
	CONSTRAINT fk_job_outputs_digest_blobs FOREIGN KEY(digest) REFERENCES blobs (digest)
);
INSERT INTO "job_outputs" VALUES(19,'01a21e1f8d3a729889b23aeb63b5526b','stdout','fa44416a120bffec331e7256fbfd268191025efdb7b1fe58f6320b53491b2472');
INSERT INTO "job_outputs" VALUES(0,'01a21e1f8d3a729889b23aeb63b5526b','stderr','e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
INSERT INTO "job_outputs" VALUES(15,'01a21e1f8d3a729889b23aeb63b5526b','out/environment.txt','1a8b3291829a98c5f6f28edb4e55e362c68e3c6fa6e4ca5384ddd041204873ad');
INSERT INTO "job_outputs" VALUES(7,'01a21e1f935976408afc2edc30b4a663','stdout','52534dffd0e9f5535521f6458087c5ade0faaf6559c48629826f67940fc17c68');
INSERT INTO "job_outputs" VALUES(0,'01a21e1f935976408afc2edc30b4a663','stderr','e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
INSERT INTO "job_outputs" VALUES(2,'01a21e1f935976408afc2edc30b4a663','out/environment.txt','4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945');
INSERT INTO "job_outputs" VALUES(7,'01a21e1f935976f0af332976e0814aa7','stdout','784393985b68feac971cfab3c309d6be4ef750cfe7a04e6e42662dc5fcd66f7d');
INSERT INTO "job_outputs" VALUES(0,'01a21e1f935976f0af332976e0814aa7','stderr','e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
INSERT INTO "job_outputs" VALUES(2,'01a21e1f935976f0af332976e0814aa7','out/environment.txt','4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945');
CREATE TABLE jobs (
	uid CHAR(32) NOT NULL, 
	owner_uid CHAR(32) NOT NULL, 
	app_uid CHAR(32) NOT NULL, 
	batch_uid CHAR(32), 
	match_class BIGINT NOT NULL, 
	work JSON NOT NULL, 
	limits JSON NOT NULL, 
	unit_number BIGINT, 
	unit_keys BIGINT, 
	status VARCHAR(32) NOT NULL, 
	attempts_made BIGINT NOT NULL, 
	attempts_allowed BIGINT NOT NULL, 
	body_digest VARCHAR NOT NULL, 
	submitted_at DATETIME NOT NULL, 
	ended_at DATETIME, 
	CONSTRAINT pk_jobs PRIMARY KEY (uid), 
	CONSTRAINT fk_jobs_owner_uid_users FOREIGN KEY(owner_uid) REFERENCES users (uid), 
	CONSTRAINT fk_jobs_app_uid_apps FOREIGN KEY(app_uid) REFERENCES apps (uid), 
	CONSTRAINT fk_jobs_batch_uid_batches FOREIGN KEY(batch_uid) REFERENCES batches (uid), 
	CONSTRAINT fk_jobs_match_class_match_classes FOREIGN KEY(match_class) REFERENCES match_classes (id)
);
INSERT INTO "jobs" VALUES('01a21e1f8d3a729889b23aeb63b5526b','01a21e1f85b6763091d85a093a922a86','01a21e1f8bdd74e3aa89c814606820f5',NULL,1,'{"arguments": ["one", "two words"], "environment": {"LANG": "C"}, "stdin": "4146dc5343dc58927d89ee933d208ba490e66a235f0f103cf77f635fae8628d2", "inputs": [{"digest": "4146dc5343dc58927d89ee933d208ba490e66a235f0f103cf77f635fae8628d2", "path": "data/words.txt"}]}','{"wall_s": 3600, "cpu_s": 3600, "memory_bytes": 1073741824, "disk_bytes": 268435456, "output_bytes": 16777216, "processes": 64, "files": 100}',NULL,NULL,'completed',1,3,'45e93dfd610897550d471dbc89bd9c30956148c390841aca092f5facd5766344','2026-11-27 17:48:33.996563','2026-11-27 17:48:34.467412');
INSERT INTO "jobs" VALUES('01a21e1f8f557d3bbc46940943565826','01a21e1f85b6763091d85a093a922a86','01a21e1f8bdd74e3aa89c814606820f5',NULL,1,'{"arguments": [], "environment": {}, "stdin": null, "inputs": []}','{"wall_s": 60, "cpu_s": 3600, "memory_bytes": 1073741824, "disk_bytes": 268435456, "output_bytes": 16777216, "processes": 64, "files": 100}',NULL,NULL,'failed',1,3,'eeb9192589b6102b8ad0b25372670df52d30c98b7fc4ae37dcf08be78f176fb0','2026-11-27 17:48:34.518954','2026-11-27 17:48:34.878554');
INSERT INTO "jobs" VALUES('01a21e1f90da7a739308419b1f2269b5','01a21e1f85b6763091d85a093a922a86','01a21e1f8bdd74e3aa89c814606820f5',NULL,1,'{"arguments": ["lost"], "environment": {}, "stdin": null, "inputs": []}','{"wall_s": 3600, "cpu_s": 3600, "memory_bytes": 1073741824, "disk_bytes": 268435456, "output_bytes": 16777216, "processes": 64, "files": 100}',NULL,NULL,'error',3,3,'052064e4b9c3bf38e2b8da0575e72d4c924c935789e3a52d8a348878133d5e89','2026-11-27 17:48:34.907570','2026-11-27 17:48:35.270911');
INSERT INTO "jobs" VALUES('01a21e1f92827140921dc085cb57af71','01a21e1f85b6763091d85a093a922a86','01a21e1f8bdd74e3aa89c814606820f5',NULL,1,'{"arguments": [], "environment": {}, "stdin": null, "inputs": []}','{"wall_s": 3600, "cpu_s": 3600, "memory_bytes": 1073741824, "disk_bytes": 268435456, "output_bytes": 16777216, "processes": 64, "files": 100}',NULL,NULL,'cancelled',0,3,'7684380f9ea7d73675ef25e0aa2f3ef9ed2fef622534e7b2a59b656e866683bb','2026-11-27 17:48:35.331212','2026-11-27 17:48:35.363972');
INSERT INTO "jobs" VALUES('01a21e1f92c57339a675f9dcc126cb71','01a21e1f85b6763091d85a093a922a86','01a21e1f8bdd74e3aa89c814606820f5',NULL,1,'{"arguments": [], "environment": {}, "stdin": null, "inputs": []}','{"wall_s": 3600, "cpu_s": 3600, "memory_bytes": 1073741824, "disk_bytes": 268435456, "output_bytes": 16777216, "processes": 64, "files": 100}',NULL,NULL,'cancelled',1,3,'4b92ed4fe36078fe44fa7d240cd01eed8ec4e2ef6ce51a21a3f129f3a60a84fe','2026-11-27 17:48:35.398904','2026-11-27 17:48:35.518741');
INSERT INTO "jobs" VALUES('01a21e1f935976408afc2edc30b4a663','01a21e1f85b6763091d85a093a922a86','01a21e1f8bdd74e3aa89c814606820f5','01a21e1f9359755190971634e2c75f3a',1,'{"arguments": ["0"], "environment": {}, "stdin": null, "inputs": []}','{"wall_s": 3600, "cpu_s": 3600, "memory_bytes": 1073741824, "disk_bytes": 268435456, "output_bytes": 16777216, "processes": 64, "files": 100}',NULL,NULL,'completed',1,3,'b5bc510166911dcee5432886be21d4ccd683dbbe8e6b1a96058cd6ecd9b26d13','2026-11-27 17:48:35.547813','2026-11-27 17:48:35.923357');
INSERT INTO "jobs" VALUES('01a21e1f935976f0af332976e0814aa7','01a21e1f85b6763091d85a093a922a86','01a21e1f8bdd74e3aa89c814606820f5','01a21e1f9359755190971634e2c75f3a',1,'{"arguments": ["1"], "environment": {}, "stdin": null, "inputs": []}','{"wall_s": 3600, "cpu_s": 3600, "memory_bytes": 1073741824, "disk_bytes": 268435456, "output_bytes": 16777216, "processes": 64, "files": 100}',NULL,NULL,'completed',1,3,'49ef79f3fcaed9a31b987c56e5ada420663b3ac625b1bb9e9baa89674094c069','2026-11-27 17:48:35.547813','2026-11-27 17:48:36.149276');
INSERT INTO "jobs" VALUES('01a21e1f95cb7c3384e56ef1847c08ea','01a21e1f85b6763091d85a093a922a86','01a21e1f8bdd74e3aa89c814606820f5',NULL,1,'{"arguments": ["again"], "environment": {}, "stdin": null, "inputs": []}','{"wall_s": 3600, "cpu_s": 3600, "memory_bytes": 1073741824, "disk_bytes": 268435456, "output_bytes": 16777216, "processes": 64, "files": 100}',NULL,NULL,'running',2,3,'cd4539b1c7cbef3dcf46b1622b83862de5891bf663ed1121e7dde86fbc491144','2026-11-27 17:48:36.172935',NULL);
INSERT INTO "jobs" VALUES('5059b1f6e1688ecd8a940cc2a92fd782','01a21e1f85b6763091d85a093a922a86','ce28dd3f166f86ae8ff8a39463653981','01a21e1f960d70018ead25268ab82c87',2,'{"arguments": [], "environment": {}, "stdin": null, "inputs": []}','{"wall_s": 3600, "cpu_s": 3600, "memory_bytes": 1073741824, "disk_bytes": 268435456, "output_bytes": 16777216, "processes": 64, "files": 100}',0,47278080,'completed',1,1,'','2026-11-27 17:48:36.310777','2026-11-27 17:48:36.502619');
INSERT INTO "jobs" VALUES('83023da16fc78d9d8e530e2e36217c08','01a21e1f85b6763091d85a093a922a86','ce28dd3f166f86ae8ff8a39463653981','01a21e1f97bd786185895ff58b299acd',2,'{"arguments": [], "environment": {}, "stdin": null, "inputs": []}','{"wall_s": 3600, "cpu_s": 3600, "memory_bytes": 1073741824, "disk_bytes": 268435456, "output_bytes": 16777216, "processes": 64, "files": 100}',0,49248,'cancelled',1,1,'','2026-11-27 17:48:36.728535','2026-11-27 17:48:36.871077');
INSERT INTO "jobs" VALUES('7c73b21398ac85d2a27ba31ef416077e','01a21e1f85b6763091d85a093a922a86','ce28dd3f166f86ae8ff8a39463653981','01a21e1f98dd710b926b1dc236c778fb',2,'{"arguments": [], "environment": {}, "stdin": null, "inputs": []}','{"wall_s": 3600, "cpu_s": 3600, "memory_bytes": 1073741824, "disk_bytes": 268435456, "output_bytes": 16777216, "processes": 64, "files": 100}',0,49248,'error',1,1,'','2026-11-27 17:48:37.025582','2026-11-27 17:48:37.098497');
INSERT INTO "jobs" VALUES('af097475a6808964aa8d0bc3584e24a5','01a21e1f85b6763091d85a093a922a86','ce28dd3f166f86ae8ff8a39463653981','01a21e1f98dd710b926b1dc236c778fb',2,'{"arguments": [], "environment": {}, "stdin": null, "inputs": []}','{"wall_s": 3600, "cpu_s": 3600, "memory_bytes": 1073741824, "disk_bytes": 268435456, "output_bytes": 16777216, "processes": 64, "files": 100}',1,49248,'completed',1,1,'','2026-11-27 17:48:37.166989','2026-11-27 17:48:37.260396');
INSERT INTO "jobs" VALUES('f70c206e1a38810e98f56490f9cad017','01a21e1f85b6763091d85a093a922a86','ce28dd3f166f86ae8ff8a39463653981','01a21e1f98dd710b926b1dc236c778fb',2,'{"arguments": [], "environment": {}, "stdin": null, "inputs": []}','{"wall_s": 3600, "cpu_s": 3600, "memory_bytes": 1073741824, "disk_bytes": 268435456, "output_bytes": 16777216, "processes": 64, "files": 100}',2,49248,'running',1,1,'','2026-11-27 17:48:37.291099',NULL);
INSERT INTO "jobs" VALUES('01a21e1f9c087e2481a7ba06b074fd81','01a21e1f85b6763091d85a093a922a86','01a21e1f8bdd74e3aa89c814606820f5',NULL,1,'{"arguments": ["waits"], "environment": {}, "stdin": null, "inputs": []}','{"wall_s": 3600, "cpu_s": 3600, "memory_bytes": 1073741824, "disk_bytes": 268435456, "output_bytes": 16777216, "processes": 64, "files": 100}',NULL,NULL,'pending',0,3,'6804962f0b7703da3b246c0a4a731899bfbedd6e108e82e2e72b103db51b379f','2026-11-27 17:48:37.774136',NULL);
INSERT INTO "jobs" VALUES('01a21e1f9c2875108b0d2330e0f0c8a3','01a21e1f85b6763091d85a093a922a86','01a21e1f8bdd74e3aa89c814606820f5','01a21e1f9c2877b29713897838f5aebb',1,'{"arguments": ["0"], "environment": {}, "stdin": null, "inputs": []}','{"wall_s": 3600, "cpu_s": 3600, "memory_bytes": 1073741824, "disk_bytes": 268435456, "output_bytes": 16777216, "processes": 64, "files": 100}',NULL,NULL,'pending',0,3,'c181f7ecb879f8029220e887927803d1a1e76b2ceadff15e7b04e9878be49bc0','2026-11-27 17:48:37.806423',NULL);
INSERT INTO "jobs" VALUES('01a21e1f9c2877b5ada8035c6762a9aa','01a21e1f85b6763091d85a093a922a86','01a21e1f8bdd74e3aa89c814606820f5','01a21e1f9c2877b29713897838f5aebb',1,'{"arguments": ["1"], "environment": {}, "stdin": null, "inputs": []}','{"wall_s": 3600, "cpu_s": 3600, "memory_bytes": 1073741824, "disk_bytes": 268435456, "output_bytes": 16777216, "processes": 64, "files": 100}',NULL,NULL,'pending',0,3,'9c71cca5664b882d891f987b09eb7c80ad2c9ff98807ad647f8524ab065e0da5','2026-11-27 17:48:37.806423',NULL);
INSERT INTO "jobs" VALUES('01a21e1f9c287e7889aec59cbfd49c77','01a21e1f85b6763091d85a093a922a86','01a21e1f8bdd74e3aa89c814606820f5','01a21e1f9c2877b29713897838f5aebb',1,'{"arguments": ["2"], "environment": {}, "stdin": null, "inputs": []}','{"wall_s": 3600, "cpu_s": 3600, "memory_bytes": 1073741824, "disk_bytes": 268435456, "output_bytes": 16777216, "processes": 64, "files": 100}',NULL,NULL,'pending',0,3,'d2382232a3530eb4c95b880d1cd0ae2d9e97088b099ec983f498b508946fb895','2026-11-27 17:48:37.806423',NULL);
CREATE TABLE match_classes (
	id INTEGER NOT NULL, 
	requirement VARCHAR NOT NULL, 
	CONSTRAINT pk_match_classes PRIMARY KEY (id), 
	CONSTRAINT uq_match_classes_requirement UNIQUE (requirement)
);
INSERT INTO "match_classes" VALUES(1,'native linux/any');
INSERT INTO "match_classes" VALUES(2,'vanity p2pkh-compressed');
CREATE TABLE member_keys (
	digest VARCHAR NOT NULL, 
	host_uid CHAR(32), 
	user_uid CHAR(32), 
	CONSTRAINT pk_member_keys PRIMARY KEY (digest), 
	CONSTRAINT fk_member_keys_host_uid_hosts FOREIGN KEY(host_uid) REFERENCES hosts (uid), 
	CONSTRAINT fk_member_keys_user_uid_users FOREIGN KEY(user_uid) REFERENCES users (uid)
);
INSERT INTO "member_keys" VALUES('279cb27a8f4752ffbb8af5911058cb3a30fc0d8a79e7accbfe7ede2c3dee9832',NULL,'01a21e1f81cb71e78960df78bcd30657');
INSERT INTO "member_keys" VALUES('54e14b7ed9fe4ab56a2e761a54e6ec4d0eb8bc35c779ce95d40ac65a12250301',NULL,'01a21e1f85b6763091d85a093a922a86');
INSERT INTO "member_keys" VALUES('88d604a7de448d1d8eb277d1c2dbe9e694fc31dbe891889b61e708b61d3aca86',NULL,'01a21e1f86b176b28f47f6188e256ce4');
INSERT INTO "member_keys" VALUES('d5cc18c3956deaf519ab521588efd4810cca945100029d401223821f70eea4aa',NULL,'01a21e1f87a17d259a73ef4378025e2b');
INSERT INTO "member_keys" VALUES('52d9d0562cdcb4c01d6244da59d451566d04b0191f9483e8e5a9b8596d3e3ade','01a21e1f886172dd9cfd4b02625e6271',NULL);
INSERT INTO "member_keys" VALUES('9b7a4091368e5c397a50f7fb6d1ea07a908807fb17743442c7218ed574addd49','01a21e1f89297fbcbee0aee9c5152b21',NULL);
INSERT INTO "member_keys" VALUES('d317bc9bb70e77e3b140ef3b098ed88f23f986994545d2dcc8744c57e3c48c38','01a21e1f89fd783dbc4b879fa3834f8a',NULL);
INSERT INTO "member_keys" VALUES('c42b190d2074ced4614a7cdd49ca9d6931c0385455dfad230b7443be4b6d1007','01a21e1f8abf7af6a60ce1e8dc7a931b',NULL);
CREATE TABLE searches (
	suffix VARCHAR, 
	expression VARCHAR, 
	patterns JSON NOT NULL, 
	forms JSON NOT NULL, 
	network VARCHAR(32) NOT NULL, 
	ignore_case BOOLEAN NOT NULL, 
	plain BOOLEAN NOT NULL, 
	public_key VARCHAR NOT NULL, 
	batch_uid CHAR(32) NOT NULL, 
	blinding VARCHAR NOT NULL, 
	blinded_key VARCHAR NOT NULL, 
	target JSON NOT NULL, 
	difficulty FLOAT NOT NULL, 
	next_number BIGINT NOT NULL, 
	keys_tried BIGINT NOT NULL, 
	result_s VARCHAR, 
	result_e BIGINT, 
	result_sign BIGINT, 
	result_address VARCHAR, 
	result_job_uid CHAR(32), 
	CONSTRAINT pk_searches PRIMARY KEY (batch_uid), 
	CONSTRAINT uq_searches_public_key UNIQUE (public_key), 
	CONSTRAINT fk_searches_batch_uid_batches FOREIGN KEY(batch_uid) REFERENCES batches (uid)
);
INSERT INTO "searches" VALUES(NULL,NULL,'["1L"]','["p2pkh-compressed"]','main',0,0,'029eac7073031205b33035742cc125fcb7a63a545830728751c231109c04b311fd','01a21e1f960d70018ead25268ab82c87','069834e44e461f8aab49e2f8b8114ade84d1aa52ea7b3f6dd12b81a78c54487d','038c221d411aa936c9c92c2bc55b6800cd380d067228c48c9ce9574eee9ed5aef5','{"targets": [{"form": "p2pkh-compressed", "ranges": [["0397e73cf6f0a5d6ba5e459b53f3da1e7a1c77b7", "03c851b96fb9f1ef80cf05e6df1ba23b07466311"], ["d06a63cff28592a6395bc531053f6ae7aa731f93", "db6284035020d0432ee7564e8c42c15fa5f27213"]]}], "ending": null, "sieve": null}',2.29424268354230562758e+01,1,0,'2a8f4ca36f35f94271aa453e745e0f851c1ba75c41bdf7f6a2942a19a62880cd',1,-1,'1Legdu3D7HZKT5ngusXF1jcLf6Skkc4zjp','5059b1f6e1688ecd8a940cc2a92fd782');
INSERT INTO "searches" VALUES(NULL,NULL,'["1LoVELoVE"]','["p2pkh-compressed"]','main',0,0,'02195d9e5ce1da3ea3b02ab1cee71e2dfcdf2ff33532c84eb5a18042925c8bb5cf','01a21e1f97bd786185895ff58b299acd','bbab1ffb18a2efe909fcd3687a2e95bf530aad153157e1bca8cd7c017795043b','0365360dbaecfe727eb495028e53b5ed303cec47907963107298e1fb1cfdd150a0','{"targets": [{"form": "p2pkh-compressed", "ranges": [["03beb55c27f79061f15d3d207adb8f2e9ddc1025", "03beb55c27f7a87e08f37772a198f60ab9dde3cc"], ["d93516e10e16b630af1fd95bd5be708fc3dba880", "d93516e10e1c2c8e07290ff89ca7be6e1c459c88"]]}], "ending": null, "sieve": null}',5.06565152178342421873e+13,1,0,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "searches" VALUES(NULL,NULL,'["1LoVELoVE", "1GRiD"]','["p2pkh-compressed"]','main',0,0,'0386a9bd40f65503ef80213779ab36873b9b99db64b8d20ce6371dfda923e9d41b','01a21e1f98dd710b926b1dc236c778fb','1ad0bbae5eeead3471ce113b21dffd75c02a5299185fc7df9af80e9adae3985e','02a7e8465ca69b494a8961598784b3f5703fd80b2c9219e932abf821c49cd7aaef','{"targets": [{"form": "p2pkh-compressed", "ranges": [["02eadddef2f50a414d7ff9c683565f65e403736b", "02eaddef362160e27b7f2a5809925d4f14f44cf5"], ["03beb55c27f79061f15d3d207adb8f2e9ddc1025", "03beb55c27f7a87e08f37772a198f60ab9dde3cc"], ["a93644830b8452cb8efe96f9c1919d15a8c82637", "a9364832438ff34ffacf97f22b2923eabf596fb7"], ["d93516e10e16b630af1fd95bd5be708fc3dba880", "d93516e10e1c2c8e07290ff89ca7be6e1c459c88"]]}], "ending": null, "sieve": null}',4.47634238915401510899e+06,3,1000,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE tokens (
	digest VARCHAR NOT NULL, 
	role VARCHAR(32) NOT NULL, 
	group_uid CHAR(32), 
	uses_left BIGINT NOT NULL, 
	expires_at DATETIME NOT NULL, 
	CONSTRAINT pk_tokens PRIMARY KEY (digest), 
	CONSTRAINT fk_tokens_group_uid_groups FOREIGN KEY(group_uid) REFERENCES groups (uid)
);
INSERT INTO "tokens" VALUES('a94a894b705f139832c4dd1f6379aa99793d4a67d4357637dae98961553665bf','host','01a21e1f84777ac58a47d03b25bb4c4c',20,'2026-12-27 17:48:31.908976');
INSERT INTO "tokens" VALUES('3b01323c408e15a9e426e3046e3987173cc79612c45c8323352052df35aa7219','user',NULL,1,'2026-11-27 18:03:31.940876');
INSERT INTO "tokens" VALUES('c41adf76c2fab8c4cbf306c6bbef497b0c7f43aa3a157b5845f5d644a5cbf688','user',NULL,0,'2026-11-27 18:03:31.958068');
INSERT INTO "tokens" VALUES('daa1caaf1a65dcf9e8c92404d65caf3d5ba18171fe8e42ed58ae912f123ec9fc','user',NULL,0,'2026-11-27 18:03:32.180201');
INSERT INTO "tokens" VALUES('bf24873223ad282b963abf58c1347d54ebf9a146fb31a9b1ee175a1ae08f55b1','service',NULL,0,'2026-11-27 18:03:32.448446');
INSERT INTO "tokens" VALUES('8f162bc7e658237eb430490799da02f82b876236ad7ca6674cf1e389f0e7d296','host','01a21e1f84777ac58a47d03b25bb4c4c',0,'2026-11-27 18:03:32.645303');
INSERT INTO "tokens" VALUES('d7f6d44e2ac7eee8bbe0c92a94b3226691edd83caed46e5fa33ea92d96398f53','host',NULL,0,'2026-11-27 18:03:32.837848');
INSERT INTO "tokens" VALUES('0b9f69fc09608a5c224dec03d76d7d4815b3b1d88c57d10a7e06afbbc669d38c','host',NULL,0,'2026-11-27 18:03:33.041787');
INSERT INTO "tokens" VALUES('710d2a29ad45397ed3dd74de96913c5230a7826d36aac915b0ef1ace7554f77a','host',NULL,0,'2026-11-27 18:03:33.249745');
CREATE TABLE users (
	name VARCHAR NOT NULL, 
	uid CHAR(32) NOT NULL, 
	role VARCHAR(32) NOT NULL, 
	group_uid CHAR(32), 
	joined_at DATETIME NOT NULL, 
	revoked_at DATETIME, 
	CONSTRAINT pk_users PRIMARY KEY (uid), 
	CONSTRAINT fk_users_group_uid_groups FOREIGN KEY(group_uid) REFERENCES groups (uid)
);
INSERT INTO "users" VALUES('admin','01a21e1f81cb71e78960df78bcd30657','administrator',NULL,'2026-11-27 17:48:31.051862',NULL);
INSERT INTO "users" VALUES('alice','01a21e1f85b6763091d85a093a922a86','user',NULL,'2026-11-27 17:48:32.054808',NULL);
INSERT INTO "users" VALUES('erin','01a21e1f86b176b28f47f6188e256ce4','user',NULL,'2026-11-27 17:48:32.305554','2026-11-27 17:48:37.974305');
INSERT INTO "users" VALUES('bridge','01a21e1f87a17d259a73ef4378025e2b','service',NULL,'2026-11-27 17:48:32.545563',NULL);
CREATE INDEX ix_member_keys_host_uid ON member_keys (host_uid);
CREATE INDEX ix_member_keys_user_uid ON member_keys (user_uid);
CREATE INDEX ix_data_owner_uid_digest ON data (owner_uid, digest);
CREATE INDEX ix_data_owner_uid_registered_at ON data (owner_uid, registered_at);
CREATE INDEX ix_batches_owner_uid_submitted_at ON batches (owner_uid, submitted_at);
CREATE INDEX ix_batches_open_searches ON batches (match_class, served_at) WHERE ended_at IS NULL;
CREATE INDEX ix_jobs_ready ON jobs (match_class, submitted_at, uid) WHERE status = 'pending';
CREATE INDEX ix_jobs_batch_uid_status ON jobs (batch_uid, status);
CREATE INDEX ix_jobs_owner_uid_submitted_at ON jobs (owner_uid, submitted_at);
CREATE INDEX ix_faults_host_uid ON faults (host_uid);
CREATE INDEX ix_attempts_live ON attempts (lease_ends_at) WHERE ended_at IS NULL;
CREATE INDEX ix_attempts_live_of_host ON attempts (host_uid) WHERE ended_at IS NULL;
COMMIT;

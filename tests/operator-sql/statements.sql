-- Statements as operators keep them, each with what Camunda 7.24's own database answers after scenario.json
-- (`-> ` lines: rows, columns joined by `|`, in order). record.py asks a Camunda again.
-- instances by state
SELECT STATE_, count(*) FROM ACT_HI_PROCINST WHERE PROC_DEF_KEY_ = 'compat_history' GROUP BY STATE_ ORDER BY STATE_;
-> ACTIVE|2
-> EXTERNALLY_TERMINATED|1
-> SUSPENDED|1
-- running instances by definition
SELECT D.KEY_, D.VERSION_, count(*) FROM ACT_RU_EXECUTION E JOIN ACT_RE_PROCDEF D ON D.ID_ = E.PROC_DEF_ID_ WHERE E.PARENT_ID_ IS NULL AND D.KEY_ = 'compat_history' GROUP BY D.KEY_, D.VERSION_;
-> compat_history|1|3
-- suspended instances
SELECT BUSINESS_KEY_, SUSPENSION_STATE_ FROM ACT_RU_EXECUTION WHERE PARENT_ID_ IS NULL AND PROC_DEF_KEY_ = 'compat_history' ORDER BY BUSINESS_KEY_;
-> sql-1|2
-> sql-2|1
-> sql-3|1
-- jobs that are due and not locked, by owner
SELECT coalesce(LOCK_OWNER_, '-'), count(*) FROM ACT_RU_JOB WHERE PROCESS_DEF_KEY_ = 'compat_history' AND (DUEDATE_ IS NULL OR DUEDATE_ <= now()) AND (LOCK_EXP_TIME_ IS NULL OR LOCK_EXP_TIME_ < now()) GROUP BY 1;
-> -|1
-- jobs without tries left
SELECT TYPE_, HANDLER_TYPE_, RETRIES_, FAILED_ACT_ID_ FROM ACT_RU_JOB WHERE PROCESS_DEF_KEY_ = 'compat_history' AND RETRIES_ = 0;
-> message|async-continuation|0|book
-- incidents by activity
SELECT INCIDENT_TYPE_, ACTIVITY_ID_, count(*) FROM ACT_RU_INCIDENT I JOIN ACT_RE_PROCDEF D ON D.ID_ = I.PROC_DEF_ID_ WHERE D.KEY_ = 'compat_history' GROUP BY 1, 2 ORDER BY 1, 2;
-> failedExternalTask|send|1
-> failedJob|book|1
-- incidents that were ever raised
SELECT INCIDENT_TYPE_, INCIDENT_STATE_, count(*) FROM ACT_HI_INCIDENT WHERE PROC_DEF_KEY_ = 'compat_history' GROUP BY 1, 2 ORDER BY 1, 2;
-> failedExternalTask|0|1
-> failedJob|0|1
-- finished instances per definition, and whether their durations are known
SELECT PROC_DEF_KEY_, count(*), count(DURATION_), min(DURATION_) >= 0 FROM ACT_HI_PROCINST WHERE END_TIME_ IS NOT NULL AND PROC_DEF_KEY_ = 'compat_history' GROUP BY PROC_DEF_KEY_;
-> compat_history|1|1|t
-- open tasks by assignee
SELECT coalesce(ASSIGNEE_, '-'), count(*), max(PRIORITY_) FROM ACT_RU_TASK T JOIN ACT_RE_PROCDEF D ON D.ID_ = T.PROC_DEF_ID_ WHERE D.KEY_ = 'compat_history' GROUP BY 1 ORDER BY 1;
-> anna|1|7
-- groups with open tasks
SELECT L.TYPE_, L.GROUP_ID_, count(*) FROM ACT_RU_IDENTITYLINK L JOIN ACT_RU_TASK T ON T.ID_ = L.TASK_ID_ JOIN ACT_RE_PROCDEF D ON D.ID_ = T.PROC_DEF_ID_ WHERE D.KEY_ = 'compat_history' GROUP BY 1, 2 ORDER BY 1, 2;
-> candidate|clerks|1
-- how tasks ended
SELECT TASK_DEF_KEY_, DELETE_REASON_, count(*) FROM ACT_HI_TASKINST WHERE PROC_DEF_KEY_ = 'compat_history' GROUP BY 1, 2 ORDER BY 1, 2;
-> check|completed|2
-> check|deleted|1
-> check||1
-- activities: how often, how many canceled
SELECT ACT_ID_, ACT_NAME_, ACT_TYPE_, count(*), sum(CASE WHEN ACT_INST_STATE_ = 2 THEN 1 ELSE 0 END) FROM ACT_HI_ACTINST WHERE PROC_DEF_KEY_ = 'compat_history' GROUP BY 1, 2, 3 ORDER BY 1;
-> check|Check|userTask|4|1
-> send|Send|serviceTask|2|0
-> start|Begun|startEvent|4|0
-- variables of running instances
SELECT V.NAME_, V.TYPE_, V.LONG_, V.TEXT_ FROM ACT_RU_VARIABLE V JOIN ACT_RU_EXECUTION E ON E.ID_ = V.EXECUTION_ID_ WHERE E.PROC_DEF_KEY_ = 'compat_history' ORDER BY 1, 3;
-> amount|integer|6|6
-> amount|integer|7|7
-> text|string||abc
-- variables of history
SELECT NAME_, VAR_TYPE_, LONG_, TEXT_, STATE_, REV_ FROM ACT_HI_VARINST WHERE PROC_DEF_KEY_ = 'compat_history' ORDER BY 1, 3;
-> amount|integer|6|6|CREATED|1
-> amount|integer|7|7|CREATED|0
-> text|string||abc|CREATED|0
-- each value of a variable
SELECT D.NAME_, D.REV_, D.LONG_, D.TYPE_ FROM ACT_HI_DETAIL D JOIN ACT_HI_PROCINST P ON P.ID_ = D.PROC_INST_ID_ WHERE P.PROC_DEF_KEY_ = 'compat_history' ORDER BY P.BUSINESS_KEY_, D.NAME_, D.REV_;
-> amount|0|5|VariableUpdate
-> amount|1|6|VariableUpdate
-> text|0||VariableUpdate
-> amount|0|7|VariableUpdate
-- the log of jobs
SELECT ACT_ID_, JOB_DEF_TYPE_, JOB_STATE_, count(*) FROM ACT_HI_JOB_LOG WHERE PROCESS_DEF_KEY_ = 'compat_history' GROUP BY 1, 2, 3 ORDER BY 3;
-> book|async-continuation|0|1
-> book|async-continuation|1|1
-- the log of external tasks
SELECT TOPIC_NAME_, STATE_, WORKER_ID_, count(*) FROM ACT_HI_EXT_TASK_LOG WHERE PROC_DEF_KEY_ = 'compat_history' GROUP BY 1, 2, 3 ORDER BY 2, 3;
-> compat_history_send|0||2
-> compat_history_send|1|w1|1
-> compat_history_send|2|w2|1
-- external tasks without tries left
SELECT TOPIC_NAME_, ACT_ID_, RETRIES_, ERROR_MSG_ FROM ACT_RU_EXT_TASK WHERE PROC_DEF_KEY_ = 'compat_history' AND RETRIES_ = 0;
-> compat_history_send|send|0|no wire
-- who worked with whom
SELECT TYPE_, coalesce(USER_ID_, GROUP_ID_), OPERATION_TYPE_, count(*) FROM ACT_HI_IDENTITYLINK WHERE PROC_DEF_KEY_ = 'compat_history' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
-> assignee|anna|add|4
-> assignee|anna|delete|1
-> assignee|bert|add|1
-> candidate|clerks|add|4
-- models
SELECT D.KEY_, D.VERSION_, D.NAME_, D.RESOURCE_NAME_, D.HISTORY_TTL_, P.NAME_, length(B.BYTES_) > 100 FROM ACT_RE_PROCDEF D JOIN ACT_RE_DEPLOYMENT P ON P.ID_ = D.DEPLOYMENT_ID_ JOIN ACT_GE_BYTEARRAY B ON B.DEPLOYMENT_ID_ = P.ID_ WHERE D.KEY_ = 'compat_history';
-> compat_history|1|Told|history.bpmn|5|operators|t
-- oldest of what is due
SELECT count(*), min(coalesce(DUEDATE_, CREATE_TIME_)) <= max(coalesce(DUEDATE_, CREATE_TIME_)) FROM ACT_RU_JOB WHERE PROCESS_DEF_KEY_ = 'compat_history';
-> 1|t

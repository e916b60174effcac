"""Background work as rows: asked for in a transaction, claimed by one worker at a time, told as it goes."""

from crm.jobs.requests import note_done_job, request_job, request_job_after
from crm.jobs.run import JobRun, JobStopped, LooseRun

__all__ = ["JobRun", "JobStopped", "LooseRun", "note_done_job", "request_job", "request_job_after"]

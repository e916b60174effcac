"""Background work as rows: asked for in a transaction, claimed by one worker at a time, told as it goes."""

from crm.jobs.requests import request_job, request_job_after
from crm.jobs.run import JobRun, JobStopped, LooseRun

__all__ = ["JobRun", "JobStopped", "LooseRun", "request_job", "request_job_after"]

-- The health of a Hub, a Destination, an IntegrationFlow or a MessageReplay, from the conditions that the operator writes.
-- Argo CD runs this without Lua's string and math libraries, and not for what is being deleted:
-- https://argo-cd.readthedocs.io/en/stable/operator-manual/health/#custom-health-checks

-- Reasons of a Ready condition that is not True, or of a replay's Complete, which pass by themselves: workers start,
-- topics are looked at, messages are being sent.
-- All others are somebody's to mend.
local passing = {
  Pending = true,
  NoListener = true,
  NoWorker = true,
  Running = true,
  WorkersStarting = true,
}

local conditions = {}
for _, condition in ipairs(obj.status and obj.status.conditions or {}) do
  conditions[condition.type] = condition
end
local ready, paused = conditions.Ready or conditions.Complete, conditions.Paused

if paused and paused.status == "True" then
  return { status = "Suspended", message = paused.message }
end
if not ready then
  return { status = "Progressing", message = "The operator has not seen it yet." }
end
local observed = obj.status.observedGeneration
if observed and obj.metadata.generation and observed < obj.metadata.generation then
  return { status = "Progressing", message = "The operator has not seen the last change yet." }
end
if ready.status == "True" then
  return { status = "Healthy", message = ready.message }
end
if ready.reason == "Paused" then
  return { status = "Suspended", message = ready.message }
end
-- Somebody has ended it, so there is nothing to mend.
if ready.reason == "Cancelled" then
  return { status = "Healthy", message = ready.message }
end
if passing[ready.reason] then
  return { status = "Progressing", message = ready.message }
end
return { status = "Degraded", message = ready.message }

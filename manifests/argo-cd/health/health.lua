-- The health of a Hub, a Destination or an IntegrationFlow, from the conditions that the operator writes.
-- Argo CD runs this without Lua's string and math libraries, and not for what is being deleted:
-- https://argo-cd.readthedocs.io/en/stable/operator-manual/health/#custom-health-checks

-- Reasons of a Ready condition that is not True which pass by themselves: workers start, topics are looked at.
-- All others are somebody's to mend.
local passing = {
  Pending = true,
  NoListener = true,
  NoWorker = true,
  WorkersStarting = true,
}

local conditions = {}
for _, condition in ipairs(obj.status and obj.status.conditions or {}) do
  conditions[condition.type] = condition
end
local ready, paused = conditions.Ready, conditions.Paused

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
if passing[ready.reason] then
  return { status = "Progressing", message = ready.message }
end
return { status = "Degraded", message = ready.message }

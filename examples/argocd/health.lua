-- The health of a ModelDeployment for Argo CD; key resource.customizations.health.modelway.dev_ModelDeployment of argocd-cm.
-- Its status follows kstatus: Ready is the summary, and Stalled says that waiting will not cure what is wrong.
local status = obj.status or {}
if (status.observedGeneration or -1) < (obj.metadata.generation or 0) then
  return {status = "Progressing", message = "The operator has not looked at this generation yet."}
end

local condition = {}
for _, one in ipairs(status.conditions or {}) do
  condition[one.type] = one
end
local ready = condition.Ready or {}

local health = {status = "Progressing", message = ready.message or "The operator has not judged it yet."}
if ready.status == "True" then
  health.status = "Healthy"
elseif ready.reason == "Suspended" or ready.reason == "RolloutSuspended" then
  health.status = "Suspended"
elseif condition.Stalled and condition.Stalled.status == "True" then
  health.status = "Degraded"
end
return health

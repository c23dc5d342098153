-- Arguments: the folder of the bodies, their number, and names and values of headers. The bodies take turns.
local requests, number = {}, 0

function init(arguments)
  for index = 3, #arguments, 2 do
    wrk.headers[arguments[index]] = arguments[index + 1]
  end
  for index = 1, tonumber(arguments[2]) do
    local file = assert(io.open(arguments[1] .. "/" .. index, "rb"))
    requests[index] = wrk.format("POST", nil, nil, file:read("*a"))
    file:close()
  end
end

function request()
  number = number % #requests + 1
  return requests[number]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "microseconds": %d, "p50": %f, "p99": %f, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
end

-- For wrk: starts of a process with three variables; the business key differs from request to request.
local number = 0
function request()
  number = number + 1
  local key = "order-" .. (number % 100000)
  local body = '{"businessKey":"' .. key .. '","variables":{"amount":{"value":42,"type":"Integer"},' ..
    '"customer":{"value":"c-17","type":"String"},"approved":{"value":false,"type":"Boolean"}}}'
  return wrk.format("POST", "/engine-rest/process-definition/key/order/start",
    { ["Content-Type"] = "application/json", ["X-Business-Key"] = key }, body)
end

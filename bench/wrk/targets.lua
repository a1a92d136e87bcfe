-- wrk -s targets.lua URL -- FILE
-- Asks for what the file lists, a line a request, in turn: the path, then
-- headers, each "Name: value", with tabs between. "@unique" in a line is
-- another number in every request. A line may begin with "POST ", and its last
-- field with "body: ". At the end prints one line of JSON.
local threads = 0

function setup(thread)
    thread:set("thread_number", threads)
    threads = threads + 1
end

local function read_target(line)
    local fields = {}
    for field in line:gmatch("[^\t]+") do
        fields[#fields + 1] = field
    end
    local target = { method = "GET", path = fields[1], headers = {} }
    if target.path:sub(1, 5) == "POST " then
        target.method, target.path = "POST", target.path:sub(6)
    end
    for i = 2, #fields do
        local name, value = fields[i]:match("^([^:]+): (.*)$")
        if name == "body" then
            target.body = value
        else
            target.headers[name] = value
        end
    end
    target.varies = line:find("@unique", 1, true) ~= nil
    if not target.varies then
        target.text = wrk.format(target.method, target.path, target.headers, target.body)
    end
    return target
end

local targets = {}
local at = 0
local sent = 0

function init(args)
    for line in io.lines(args[1]) do
        targets[#targets + 1] = read_target(line)
    end
    at = thread_number * math.floor(#targets / 2)
end

function request()
    at = at % #targets + 1
    local target = targets[at]
    if not target.varies then
        return target.text
    end
    sent = sent + 1
    local number = string.format("%04x%08x", thread_number, sent)
    return wrk.format(target.method, target.path, target.headers,
        (target.body:gsub("@unique", number)))
end

function done(summary, latency)
    local errors = summary.errors
    print(string.format(
        'JSON {"requests": %d, "seconds": %.6f, "bytes": %d, "p50_us": %d, '
            .. '"p95_us": %d, "p99_us": %d, "max_us": %d, "failed": %d, '
            .. '"refused": %d}',
        summary.requests, summary.duration / 1e6, summary.bytes,
        latency:percentile(50), latency:percentile(95), latency:percentile(99),
        latency.max,
        errors.connect + errors.read + errors.write + errors.timeout,
        errors.status))
end

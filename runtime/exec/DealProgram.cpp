// SPDX-License-Identifier: Apache-2.0
#include "runtime/exec/DealProgram.h"

#include "runtime/exec/DeviceRegions.h"

#include <algorithm>

namespace gfs {

using device::Room;
using gpu::Region;

DealProgram::DealProgram(ProgramRef program, device::Constants &constants,
                         const device::DealWeights &weights)
    : code(std::move(program)) {
  Room keyRoom(Region::Prepared), records(Region::Records);
  for (Party party : {Party::Zero, Party::One}) {
    keyPlaces[index(party)] = keyRoom.take<uint64_t>(roundKeyWords);
    keys[index(party)] = keyRoom.take<cuda::SlicedRoundKeys>(1);
  }
  const MaskPlaces masks(*code);
  for (uint32_t step = 0; step < code->steps(); ++step) {
    device::DealMasks places;
    for (uint32_t operand : code->step(step).operands())
      places.operands.push_back(masks.of[operand]);
    if (code->hasResult(step))
      places.result = masks.of[code->step(step).result()];
    Room scratch(Region::Scratch);
    const GateSite site{code->plan(), code->step(step), code->ring()};
    std::optional<device::DealScript> script = device::makeDealScript(
        device::DealSite(site, step, places, keys, records, scratch, constants, weights));
    if (!script) {
      isComplete = false;
      return;
    }
    scripts.push_back(std::move(*script));
    bytes.scratch = std::max(bytes.scratch, scratch.bytes());
  }
  bytes.keys = keyRoom.bytes();
  bytes.masks = masks.bytes;
  bytes.records = records.bytes();
}

void DealProgram::run(const device::Launcher &launch) const {
  for (const device::DealScript &script : scripts)
    script.run(launch);
}

void DealProgram::gather(std::span<const uint8_t> region, std::span<uint8_t> record0,
                         std::span<uint8_t> record1) const {
  auto append = [](std::span<uint8_t> &record, std::span<const uint8_t> part) {
    check(part.size() <= record.size(), "a gate deals more than its cost states");
    std::ranges::copy(part, record.begin());
    record = record.subspan(part.size());
  };
  for (uint32_t step = 0; step < code->steps(); ++step) {
    const Cost &cost = code->cost(step);
    std::array<std::span<uint8_t>, 2> to;
    for (Party party : {Party::Zero, Party::One})
      to[index(party)] =
          (party == Party::Zero ? record0 : record1)
              .subspan(code->materialOffset(step, party), cost.dealtBytes[index(party)]);
    for (const device::RecordPart &part : scripts[step].parts()) {
      const std::span<const uint8_t> dealt = region.subspan(part.at.offset, part.bytes);
      for (size_t server = 0; server < 2; ++server)
        if (part.of[server])
          append(to[server], dealt);
    }
    check(to[0].empty() && to[1].empty(), "a gate deals less than its cost states");
  }
}

LaneLayout DealProgram::lane(uint32_t members) const {
  return {.members = members,
          .own = {{Region::Records, bytes.records},
                  {Region::Prepared, bytes.keys},
                  {Region::Masks, bytes.masks},
                  {Region::Scratch, bytes.scratch}},
          .together = mostLimbBytes(*code, members),
          .pinned = members * recordPitch()};
}

} // namespace gfs

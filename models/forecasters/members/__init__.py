"""Members of the fleet ensemble, cheapest history first. Adding one is one file and one line."""

from __future__ import annotations

from models.forecasters.members.autoregression import SeasonalAutoregression
from models.forecasters.members.batch import Member
from models.forecasters.members.direct_ridge import DirectRidge
from models.forecasters.members.double_seasonal import DOUBLE_SEASONAL
from models.forecasters.members.naives import LastValue, RecentMedian, SameTimeLastWeek, SameTimeYesterday
from models.forecasters.members.single_smoothing import DAILY_SMOOTHING, PLAIN_SMOOTHING
from models.forecasters.members.usual_time import UsualTimeOfDay, UsualTimeOfWeek
from models.forecasters.members.week_profile import WeekProfile

MEMBERS: tuple[Member, ...] = (
    LastValue(),
    PLAIN_SMOOTHING,
    RecentMedian(),
    SameTimeYesterday(),
    DAILY_SMOOTHING,
    SameTimeLastWeek(),
    WeekProfile(),
    UsualTimeOfWeek(),
    UsualTimeOfDay(),
    DOUBLE_SEASONAL,
    SeasonalAutoregression(),
    DirectRidge(),
)

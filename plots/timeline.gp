# SPDX-License-Identifier: GPL-2.0
# Timelines of traces: a panel per trace with up to three lanes, such as guest, host and I/O core; marks above them.
#
# `exitlab plot --as timeline` writes the variables before this text and keeps the whole as a .gp file
# beside the plot, to be edited and run again (gnuplot 5.2 or later). It expects:
#   base      name of the output without .svg and .png
#   data      four blocks (index) per panel: spans of three lanes (from to label), marks (at label); the
#             first line of each is empty
#   heading   text above
#   panels    how many; of each panel_title[], panel_note[], panel_length[] (us), panel_lanes[] (1 to 3), and of
#             its lanes lane_name[3 * panel - 2...]

left_w = 90
frame_w = 900
head_h = 44
title_h = 40
lane_h = 190
tick_h = 46
row_h = title_h + lane_h + tick_h
# Lanes from the top: 1.2 each, marks and their names above.
most = 2
do for [p = 1:panels] { most = panel_lanes[p] > most ? panel_lanes[p] : most }
lane_h = most > 2 ? 240 : lane_h
row_h = title_h + lane_h + tick_h
foot(p, k) = 0.3 + 1.2 * (panel_lanes[p] - k)
width = left_w + frame_w + 20
height = head_h + panels * row_h + 10
at(y) = 1.0 - y / (1.0 * height)

do for [format in "svg png"] {
	# Sizes of letters are points in one and pixels in the other.
	pt = format eq "svg" ? 4.0 / 3 : 1.0
	font(size) = sprintf(",%g", size * pt)
	if (format eq "svg") {
		set terminal svg size width,height font "DejaVu Sans,13.3" background "white" noenhanced
	} else {
		if (strstrt(GPVAL_TERMINALS, "pngcairo") > 0) {
			set terminal pngcairo size width,height font "DejaVu Sans,10" background "white" noenhanced
		} else {
			set terminal png size width,height font "DejaVuSans,10" background "#ffffff" noenhanced
		}
	}
	set output base . "." . format
	set multiplot
	set border 1
	unset key
	set label 1 heading at screen 12.0/width, at(20) left font font(14)
	do for [p = 1:panels] {
		top = head_h + (p - 1) * row_h + title_h
		set lmargin at screen left_w / (1.0 * width)
		set rmargin at screen (left_w + frame_w) / (1.0 * width)
		set tmargin at screen at(top)
		set bmargin at screen at(top + lane_h)
		set label 2 panel_title[p] at screen 12.0/width, at(top - 22) left font font(11)
		set label 3 panel_note[p] at screen (left_w + frame_w) / (1.0 * width), at(top - 22) right font font(9) tc rgb "#404040"
		set xrange [0:panel_length[p]]
		above = foot(p, 0)
		set yrange [0:above + 1.6]
		set xtics nomirror out
		set ytics nomirror scale 0 (lane_name[3*p-2] foot(p, 1) + 0.4)
		do for [k = 2:panel_lanes[p]] { set ytics add (lane_name[3*p-3+k] foot(p, k) + 0.4) }
		set xlabel "us" offset 0,0.4
		# Marks may stand close together, so their names are upright; narrow stays in the host have none.
		plot data index 4*p-4 using 1:(foot(p, 1)):1:2:(foot(p, 1)):(foot(p, 1) + 0.8) \
				with boxxyerror lc rgb "#c8c8c8" fs solid 1 border rgb "black", \
			for [k = 2:panel_lanes[p]] data index 4*p-5+k using 1:(foot(p, k)):1:2:(foot(p, k)):(foot(p, k) + 0.8) \
				with boxxyerror lc rgb "black" fs pattern (k == 2 ? 4 : 5) border rgb "black", \
			for [k = 1:panel_lanes[p]] data index 4*p-5+k using (($1+$2)/2):(foot(p, k) + 0.86):($2 > $1 ? stringcolumn(3) : "") \
				with labels rotate by 35 left font font(7.5) tc rgb "#202020", \
			data index 4*p-1 using 1:(above):(0):(0.3) with vectors backhead lc rgb "black", \
			data index 4*p-1 using 1:(above + 0.35):2 with labels rotate by 35 left font font(7.5)
		do for [i = 1:3] { unset label i }
	}
	unset multiplot
	set output
	reset
}
